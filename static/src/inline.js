import { form } from "./form.js";

// A block where the site wants it, or before everything else.
export default form("div", "region", (box) =>
  (document.querySelector("[data-consent=here]") ?? document.body).prepend(box),
);
