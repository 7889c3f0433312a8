/**
 * The categories without an answer that counts; all, where each has one.
 *
 * @param {Pick<Kernel, "config" | "ends">} kernel
 */
export function unanswered({ config, ends }) {
  const until = ends();
  const found = config.categories.filter((category) => !until[category]);
  return found[0] ? found : config.categories;
}
