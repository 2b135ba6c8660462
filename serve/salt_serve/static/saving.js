// Results as files to keep.

import { pngOf, zipOf } from "./archive.js";
import { fileName, folded, inOrder, unused } from "./names.js";

/** @param {{id: string, mask: Uint8Array}[]} cards */
export async function saveMasks(cards) {
  const files = [];
  const taken = new Set();
  for (const card of cards) {
    const name = unused(fileName(card.id), taken, folded);
    files.push({ name: `${name}.png`, bytes: await pngOf(card.mask) });
  }
  save("masks.zip", zipOf(files), "application/zip");
}

/** @param {{id: string, rle: string}[]} cards */
export function saveCsv(cards) {
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const sorted = [...cards].sort((a, b) => inOrder(a.id, b.id));
  const rows = sorted.map((card) => `${cell(card.id)},${card.rle}\n`);
  save("masks.csv", `id,rle_mask\n${rows.join("")}`, "text/csv");
}

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
