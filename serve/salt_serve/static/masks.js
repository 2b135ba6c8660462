// From probabilities to masks and their run-length strings, as salt_infer has them.

export const EDGE = 101;
const STEPS = 200;

/** Levels a slider can stand on: multiples of 1/200 in 0..1, and the model's own. */
export function levelsWith(own) {
  const grid = Array.from({ length: STEPS + 1 }, (_, step) => step / STEPS);
  const known = grid.some((level) => Math.fround(level) === Math.fround(own));
  return known ? grid : [...grid, own].sort((a, b) => a - b);
}

/** Where in `levels` a number of them stands. */
export function indexOf(levels, own) {
  return levels.findIndex((level) => Math.fround(level) === Math.fround(own));
}

/** Bytes of a base64 string. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Whether the judge's probability passes the gate; both in float32, as the server compares. */
export function passes(salt, gate) {
  return Math.fround(salt) > Math.fround(gate);
}

/**
 * The mask, row by row, 0 or 1.
 * @param {Uint8Array} above by how many levels each pixel's probability is exceeded
 * @param {number} index of the threshold among the levels
 * @param {boolean} kept false where the gate found no salt
 */
export function maskOf(above, index, kept) {
  const mask = new Uint8Array(above.length);
  if (kept) for (let i = 0; i < above.length; i++) mask[i] = above[i] > index ? 1 : 0;
  return mask;
}

/** Share of the mask's pixels that are salt. */
export function coverageOf(mask) {
  return mask.reduce((sum, value) => sum + value, 0) / mask.length;
}

/**
 * The score that the model itself expects of a mask, 0 to 1, as salt_infer has it, but for the
 * probabilities in the mask, which are known to half a level here.
 * @param {number} salt the judge's probability
 * @param {number} expected sum of all pixels' probabilities: of the many small ones, half a level
 *   each would be far too much
 * @param {Uint8Array} above by how many levels each pixel's probability is exceeded
 * @param {number[]} levels
 * @param {Uint8Array} mask
 */
export function confidenceOf(salt, expected, above, levels, mask) {
  const middles = [0, ...levels.map((level, i) => (level + (levels[i + 1] ?? 1)) / 2)];
  let [inside, drawn] = [0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    inside += middles[above[i]];
    drawn += 1;
  }
  inside = Math.min(inside, expected);
  return drawn ? (salt * inside) / (drawn + expected - inside) : 1 - salt;
}

/** "start length" pairs; pixels are numbered from 1, down the columns first. */
export function rleOf(mask) {
  const words = [];
  let start = 0; // of the run that is open, 0 if none
  for (let pixel = 1; pixel <= mask.length + 1; pixel++) {
    const column = Math.floor((pixel - 1) / EDGE);
    const row = (pixel - 1) % EDGE;
    const salt = pixel <= mask.length && mask[row * EDGE + column];
    if (salt && !start) start = pixel;
    if (!salt && start) {
      words.push(start, pixel - start);
      start = 0;
    }
  }
  return words.join(" ");
}
