/** Red, green, blue: 0..255. */
export type Rgb = readonly [number, number, number];

/** Far apart from each other and from gray; the first ones are what most masks use. */
const FIRST_COLORS: readonly Rgb[] = [
  [230, 57, 70],
  [46, 196, 120],
  [58, 134, 255],
  [255, 190, 11],
  [177, 80, 226],
  [0, 200, 210],
  [251, 110, 30],
  [240, 98, 180],
  [150, 210, 40],
  [120, 110, 255],
];

/** Turning by this part of the circle never comes near an earlier hue for long. */
const GOLDEN_RATIO = 0.618033988749895;

/** The colour of a label, the same in every picture. Ids above the table walk around the colour wheel. */
export function labelColor(id: number): Rgb {
  const fixed = FIRST_COLORS[id - 1];
  if (fixed !== undefined) return fixed;
  const hue = (id * GOLDEN_RATIO) % 1;
  const saturation = id % 2 === 0 ? 0.85 : 0.6;
  const value = id % 3 === 0 ? 0.8 : 1;
  return hsvToRgb(hue, saturation, value);
}

/** Source: Smith 1978, "Color gamut transform pairs", in its single-formula form. */
function hsvToRgb(hue: number, saturation: number, value: number): Rgb {
  const channel = (offset: number): number => {
    const k = (offset + hue * 6) % 6;
    return Math.round(255 * (value - value * saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}
