import { form } from "./form.js";

// First in the page, so that the keyboard meets it before everything else; drawn over all that the page can do.
export default form("div", "dialog", (box) => {
  document.body.prepend(box);
  box.popover = "manual";
  box.showPopover?.();
});
