import { form } from "./form.js";

// First in the page, so that the keyboard meets it before everything else.
export default form("div", "dialog", (box) => document.body.prepend(box));
