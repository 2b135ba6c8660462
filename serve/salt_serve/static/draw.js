// Puts tiles, probabilities and masks on canvases of 101x101 pixels.

import { EDGE } from "./masks.js";

// Stops of viridis (matplotlib, CC0): from sure that it is none to sure that it is salt.
const COLOURS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const SALT = [245, 130, 32];
const FILL = 0.4; // of the overlay's colour inside the mask; its border has all of it
const SIGNATURE = 8; // bytes of a PNG before its chunks
const ANCILLARY = 0x20; // this bit of a chunk's name: pixels can be had without it

/**
 * Pixels of a PNG that the server found to be a tile, as RGBA bytes. Of transparent ones a canvas
 * keeps no colour, though the server reads it: they stay unseen, as in the file.
 */
export async function pixelsOf(file) {
  const plain = plainOf(await file.arrayBuffer());
  const bitmap = await createImageBitmap(plain, { colorSpaceConversion: "none" });
  const context = new OffscreenCanvas(EDGE, EDGE).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, EDGE, EDGE).data;
}

/**
 * A PNG of nothing but pixels, as the server reads it. Browsers turn a picture by its eXIf chunk,
 * whatever they are told, and the mask would lie over other pixels.
 */
function plainOf(bytes) {
  const view = new DataView(bytes);
  const parts = [bytes.slice(0, SIGNATURE)];
  for (let start = SIGNATURE; start + 12 <= bytes.byteLength; ) {
    const end = start + 12 + view.getUint32(start); // length, name and checksum are 12
    if (!(view.getUint8(start + 4) & ANCILLARY)) parts.push(bytes.slice(start, end));
    start = end;
  }
  return new Blob(parts, { type: "image/png" });
}

export function drawTile(canvas, pixels) {
  paint(canvas, (data) => data.set(pixels));
}

/**
 * That each pixel is salt: the tile's probability of any, times the pixel's if there is.
 * @param {number[]} levels that `above` counts
 * @param {number} salt the tile's, 1 where `above` is of any tile
 */
export function drawProbability(canvas, above, levels, salt) {
  const palette = [0, ...levels].map((level) => colourAt(level * salt));
  paint(canvas, (data) => above.forEach((count, i) => data.set([...palette[count], 255], 4 * i)));
}

export function drawMask(canvas, mask) {
  paint(canvas, (data) => {
    for (let i = 0; i < mask.length; i++) data.fill(mask[i] * 255, 4 * i, 4 * i + 3);
    for (let i = 3; i < data.length; i += 4) data[i] = 255;
  });
}

/** The tile with the mask in orange and a line around it. */
export function drawOverlay(canvas, pixels, mask) {
  paint(canvas, (data) => {
    data.set(pixels);
    for (let i = 0; i < mask.length; i++) {
      if (!mask[i]) continue;
      const share = onBorder(mask, i) ? 1 : FILL;
      for (let c = 0; c < 3; c++) {
        data[4 * i + c] = (1 - share) * data[4 * i + c] + share * SALT[c];
      }
      data[4 * i + 3] = 255; // a mask is seen where the tile is not
    }
  });
}

function onBorder(mask, i) {
  const column = i % EDGE;
  return (
    (column > 0 && !mask[i - 1]) ||
    (column < EDGE - 1 && !mask[i + 1]) ||
    (i >= EDGE && !mask[i - EDGE]) ||
    (i < EDGE * (EDGE - 1) && !mask[i + EDGE])
  );
}

function colourAt(level) {
  const place = level * (COLOURS.length - 1);
  const low = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[low].map((value, c) => value + (place - low) * (COLOURS[low + 1][c] - value));
}

function paint(canvas, fill) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(EDGE, EDGE);
  fill(image.data);
  context.putImageData(image, 0, 0);
}
