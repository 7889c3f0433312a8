/**
 * A day (UTC) as the visitor's page writes it: by the words of the notice's language (policy/dates.py).
 *
 * @param {Details["dates"]} dates
 * @param {string | number} instant
 */
export function day({ pattern, months }, instant) {
  const date = new Date(instant);
  /** @type {Record<string, unknown>} */
  const parts = { day: date.getUTCDate(), month: months[date.getUTCMonth()], year: date.getUTCFullYear() };
  return pattern.replace(/{(\w+)}/g, (_, name) => String(parts[name]));
}
