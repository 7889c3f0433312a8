import { form } from "./form.js";
import { TITLE } from "./layers.js";

export default form("dialog", "dialog", (/** @type {HTMLDialogElement} */ box) => {
  // What closes it is the visitor's choice: not a key, and not a gesture.
  box.oncancel = (event) => event.preventDefault();
  box.onclose = () => box.isConnected && box.showModal();
  document.body.prepend(box);
  // It was taken out without being closed.
  box.open = false;
  box.showModal();
  document.getElementById(TITLE)?.focus();
});
