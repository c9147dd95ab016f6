import { voxelSizes } from './affine.ts';
import type { Affine } from './affine.ts';
import { labelColor } from './label-color.ts';
import type { Rgb } from './label-color.ts';
import { maskCenter } from './mask.ts';
import type { Mask } from './mask.ts';
import { forEachTextDot, TEXT_ROWS, textColumns } from './pixel-font.ts';
import { encodePng } from './png.ts';
import type { RgbImage } from './png.ts';
import { panelsOf } from './preview-panel.ts';
import type { Panel } from './preview-panel.ts';
import type { Planes } from './read-planes.ts';
import { createFile, writeFully } from './regular-file.ts';

export type PreviewOptions = {
  /** Cuts of the image, from `readPlanes(path, maskCenter(mask))`; null draws the mask alone. */
  readonly planes: Planes | null;
  readonly mask: Mask;
  /** Colours by label id; ids without one get `labelColor(id)`. */
  readonly colors?: ReadonlyMap<number, Rgb>;
  /** x, y, z in mm, for the aspect ratio; null draws square voxels. */
  readonly spacing: readonly [x: number, y: number, z: number] | null;
  /** Turns the panels upright (anterior and superior up) and names them; without it the axes are taken as z, y, x. */
  readonly affine?: Affine | null;
};

/** Height that the tallest panel is brought to, and the most that any side may have. */
const PANEL_PX = 384;
const PANEL_WIDTH_PX_MAX = 512;
/** Very thin volumes stay visible. */
const PANEL_PX_MIN = 16;
const MARGIN_PX = 12;
const TEXT_SCALE = 2;
const CAPTION_PX = TEXT_ROWS * TEXT_SCALE + MARGIN_PX;
const BACKGROUND: Rgb = [16, 18, 22];
const CAPTION: Rgb = [200, 206, 214];
const FILL_OPACITY = 0.4;
/** Share of the brightest and darkest pixels that may saturate. */
const WINDOW_TAIL = 0.005;

/**
 * Draws three cuts through the mask's centre side by side: the image in gray, each label filled and outlined in its
 * colour, a caption below. An RGB PNG; equal options give equal bytes.
 * The file must not exist; it is gone again when writing fails.
 */
export async function writePreviewPng(path: string, options: PreviewOptions): Promise<void> {
  const { planes, mask, affine = null } = options;
  const panels = panelsOf({
    mask,
    planes,
    at: planes?.at ?? maskCenter(mask),
    spacing: affine === null ? (options.spacing ?? [1, 1, 1]) : voxelSizes(affine),
    affine,
  });
  const png = encodePng(drawPanels(panels, options.colors ?? new Map()));
  await createFile(path, (handle) => writeFully(handle, png, 0));
}

type Size = { readonly width: number; readonly height: number };

function drawPanels(panels: readonly Panel[], colors: ReadonlyMap<number, Rgb>): RgbImage {
  const sizes = panelSizes(panels);
  // A caption may be wider than a narrow panel.
  const cells = panels.map((panel, index) => Math.max(sizes[index]?.width ?? 0, textColumns(panel.title) * TEXT_SCALE));
  const canvas = new Canvas({
    width: cells.reduce((sum, cell) => sum + cell, 0) + MARGIN_PX * (cells.length + 1),
    height: Math.max(...sizes.map((size) => size.height)) + 2 * MARGIN_PX + CAPTION_PX,
  });
  const window = grayWindow(panels);
  const captionTop = canvas.height - CAPTION_PX;
  let left = MARGIN_PX;
  panels.forEach((panel, index) => {
    const size = sizes[index];
    if (size === undefined) return;
    // Panels stand in the middle, so that a flat one is not lost at the edge.
    const top = MARGIN_PX + Math.floor((captionTop - 2 * MARGIN_PX - size.height) / 2);
    drawPanel({ canvas, panel, size, left, top, window, colors });
    canvas.text(panel.title, left, captionTop);
    left += (cells[index] ?? 0) + MARGIN_PX;
  });
  return canvas;
}

/** One scale for all panels, so that they can be compared; in pixels per mm. */
function panelSizes(panels: readonly Panel[]): readonly Size[] {
  const widths = panels.map((panel) => panel.width * panel.pixelWidth);
  const heights = panels.map((panel) => panel.height * panel.pixelHeight);
  const scale = Math.min(PANEL_PX / Math.max(...heights), PANEL_WIDTH_PX_MAX / Math.max(...widths));
  const pixels = (millimetres: number | undefined) => Math.max(PANEL_PX_MIN, Math.round((millimetres ?? 0) * scale));
  return panels.map((_, index) => ({ width: pixels(widths[index]), height: pixels(heights[index]) }));
}

type GrayWindow = { readonly low: number; readonly high: number };

/** Brightness limits over all three cuts, a few outliers left out. */
function grayWindow(panels: readonly Panel[]): GrayWindow {
  const total = panels.reduce((sum, panel) => sum + (panel.image?.length ?? 0), 0);
  const values = new Float32Array(total);
  let filled = 0;
  for (const { image } of panels) {
    if (image === null) continue;
    values.set(image, filled);
    filled += image.length;
  }
  values.sort();
  const at = (share: number) => values[Math.round(share * (total - 1))] ?? 0;
  const [low, high] = [at(WINDOW_TAIL), at(1 - WINDOW_TAIL)];
  // Sparse images are dark almost everywhere; then the full range is the better window.
  return high > low ? { low, high } : { low: at(0), high: at(1) };
}

function drawPanel(args: {
  readonly canvas: Canvas;
  readonly panel: Panel;
  readonly size: Size;
  readonly left: number;
  readonly top: number;
  readonly window: GrayWindow;
  readonly colors: ReadonlyMap<number, Rgb>;
}): void {
  const { canvas, panel, size, left, top, window, colors } = args;
  const labels = labelsOnScreen(panel, size);
  const isOutline = (x: number, y: number, label: number): boolean =>
    x === 0 ||
    y === 0 ||
    x === size.width - 1 ||
    y === size.height - 1 ||
    labels[y * size.width + x - 1] !== label ||
    labels[y * size.width + x + 1] !== label ||
    labels[(y - 1) * size.width + x] !== label ||
    labels[(y + 1) * size.width + x] !== label;
  for (let y = 0; y < size.height; y += 1) {
    for (let x = 0; x < size.width; x += 1) {
      const gray = panel.image === null ? 0 : grayAt(panel, panel.image, { x, y }, size, window);
      const label = labels[y * size.width + x] ?? 0;
      const color = label === 0 ? null : (colors.get(label) ?? labelColor(label));
      const opacity = color === null ? 0 : isOutline(x, y, label) ? 1 : FILL_OPACITY;
      canvas.blend({ x: left + x, y: top + y }, gray, color ?? BACKGROUND, opacity);
    }
  }
}

/** Nearest label for each screen pixel: labels must not be mixed. */
function labelsOnScreen(panel: Panel, size: Size): Uint16Array {
  const labels = new Uint16Array(size.width * size.height);
  for (let y = 0; y < size.height; y += 1) {
    const row = Math.floor((y * panel.height) / size.height) * panel.width;
    for (let x = 0; x < size.width; x += 1) {
      labels[y * size.width + x] = panel.labels[row + Math.floor((x * panel.width) / size.width)] ?? 0;
    }
  }
  return labels;
}

/** Brightness 0..255 of a screen pixel, interpolated between the four voxels around its centre. */
function grayAt(
  panel: Panel,
  image: Float32Array,
  pixel: { readonly x: number; readonly y: number },
  size: Size,
  { low, high }: GrayWindow,
): number {
  const column = clamp(((pixel.x + 0.5) * panel.width) / size.width - 0.5, panel.width - 1);
  const row = clamp(((pixel.y + 0.5) * panel.height) / size.height - 0.5, panel.height - 1);
  const left = Math.floor(column);
  const top = Math.floor(row) * panel.width;
  const right = Math.min(left + 1, panel.width - 1);
  const bottom = Math.min(top + panel.width, (panel.height - 1) * panel.width);
  const upper = between(image[top + left] ?? 0, image[top + right] ?? 0, column - left);
  const lower = between(image[bottom + left] ?? 0, image[bottom + right] ?? 0, column - left);
  const brightness = between(upper, lower, row - Math.floor(row));
  return high > low ? clamp(((brightness - low) / (high - low)) * 255, 255) : 0;
}

function between(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}

/** A picture under construction. */
class Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;

  constructor({ width, height }: Size) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height * 3);
    for (let index = 0; index < this.data.length; index += 1) this.data[index] = BACKGROUND[index % 3] ?? 0;
  }

  /** A gray pixel with a colour over it; opacity 0 to 1. */
  blend(at: { readonly x: number; readonly y: number }, gray: number, color: Rgb, opacity: number): void {
    if (at.x < 0 || at.x >= this.width || at.y < 0 || at.y >= this.height) return;
    const offset = (at.y * this.width + at.x) * 3;
    this.data[offset] = Math.round(between(gray, color[0], opacity));
    this.data[offset + 1] = Math.round(between(gray, color[1], opacity));
    this.data[offset + 2] = Math.round(between(gray, color[2], opacity));
  }

  text(text: string, left: number, top: number): void {
    forEachTextDot(text, (column, row) => {
      for (let dot = 0; dot < TEXT_SCALE ** 2; dot += 1) {
        const x = left + column * TEXT_SCALE + (dot % TEXT_SCALE);
        const y = top + row * TEXT_SCALE + Math.floor(dot / TEXT_SCALE);
        this.blend({ x, y }, 0, CAPTION, 1);
      }
    });
  }
}
