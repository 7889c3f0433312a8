// Builds static/src into static, or into the folder named on the command line.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = process.argv[2] ?? here;
const shared = {
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  target: ["es2021", "chrome100", "firefox100", "safari15.4"],
  outdir,
};
const src = (...names) => names.map((name) => join(here, "src", name));
// A site serves one of them.
const forms = ["banner.js", "dialog.js", "inline.js", "headless.js"];

await build({ ...shared, entryPoints: src("saved.js"), format: "iife" });
// Every byte counts there, and the words "use strict" are eleven.
await build({ ...shared, entryPoints: src("starter.js", "guard.js"), format: "iife", tsconfigRaw: "{}" });
await build({ ...shared, entryPoints: src("kernel.js", "revive.js", ...forms, "corner.js", "message.js", "choice.js", "preferences.js", "placeholders.js", "gpp.js", "sync.js", "ways.js", "words.js"), format: "esm" });
await build({ ...shared, entryPoints: src("banner.css", "top.css", "dialog.css", "inline.css", "corner.css", "message.css", "preferences.css", "placeholders.css") });
