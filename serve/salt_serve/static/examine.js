// From files that a visitor chose to what is known of them, part by part.

import { predict } from "./api.js";
import { pixelsOf } from "./draw.js";

const AT_ONCE = 8; // files in a request: small enough that the first results come soon
const ENVELOPE = 1024; // bytes that a file's name and the form's own lines take in a request

/**
 * Take the first files off a list: as many as fit into a request, but one at least.
 * @param {File[]} waiting not empty
 * @param {{files: number, file_bytes: number, request_bytes: number}} limits of the server
 */
export function takePart(waiting, limits) {
  const most = Math.min(AT_ONCE, limits.files, waiting.length);
  let count = 0;
  for (let bytes = 0; count < most; count++) {
    bytes += ENVELOPE + (tooLarge(waiting[count], limits) ? 0 : waiting[count].size);
    if (count && bytes > limits.request_bytes) break;
  }
  return waiting.splice(0, count);
}

/**
 * For each file {pixels, salt, above, ...} or {error}; one that is bad does not touch the others.
 * @param {File[]} files a part
 * @param model as the server describes it
 * @param {() => void} waits is called when the server is busy and will be asked again
 */
export async function examine(files, model, waits) {
  const copies = await Promise.all(files.map((file) => read(file, model.limits)));
  const sound = copies.filter((copy) => copy instanceof File);
  const results = sound.length ? await predict(sound, model, waits) : [];
  return await Promise.all(
    copies.map((copy) => (copy instanceof File ? withPixels(copy, results.shift()) : copy)),
  );
}

/** A copy in memory, or {error}: a request fails as a whole if one of its files cannot be read. */
async function read(file, limits) {
  if (tooLarge(file, limits)) {
    return { error: `has more than ${limits.file_bytes} bytes, too large for a tile` };
  }
  try {
    return new File([await file.arrayBuffer()], file.name, { type: file.type });
  } catch {
    return { error: "cannot be opened: a folder, or a file that was moved, changed or deleted" };
  }
}

const tooLarge = (file, limits) => file.size > limits.file_bytes;

/** With the browser's own reading of a file that the server found to be a tile. */
async function withPixels(file, result) {
  if (result.status !== 200) return result;
  try {
    return { ...result, pixels: await pixelsOf(file) };
  } catch {
    return { error: "is a tile, but this browser cannot show it" };
  }
}
