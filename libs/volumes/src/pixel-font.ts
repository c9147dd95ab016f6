/** Capitals and digits of 5 by 7 dots, drawn for this project; enough for the names of planes. */
const GLYPH_ROWS = 7;
const GLYPH_COLUMNS = 5;
const LETTER_GAP = 1;

const GLYPHS: Readonly<Record<string, string>> = {
  A: '.###. #...# #...# ##### #...# #...# #...#',
  C: '.###. #...# #.... #.... #.... #...# .###.',
  G: '.###. #...# #.... #.### #...# #...# .###.',
  I: '.###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.',
  L: '#.... #.... #.... #.... #.... #.... #####',
  N: '#...# ##..# #.#.# #.#.# #..## #...# #...#',
  O: '.###. #...# #...# #...# #...# #...# .###.',
  R: '####. #...# #...# ####. #.#.. #..#. #...#',
  S: '.#### #.... #.... .###. ....# ....# ####.',
  T: '##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..',
  X: '#...# #...# .#.#. ..#.. .#.#. #...# #...#',
  Y: '#...# #...# .#.#. ..#.. ..#.. ..#.. ..#..',
  Z: '##### ....# ...#. ..#.. .#... #.... #####',
  '0': '.###. #...# #..## #.#.# ##..# #...# .###.',
  '1': '..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.',
  '2': '.###. #...# ....# ..##. .#... #.... #####',
  '3': '####. ....# ....# .###. ....# ....# ####.',
  '4': '...#. ..##. .#.#. #..#. ##### ...#. ...#.',
  '5': '##### #.... ####. ....# ....# #...# .###.',
  '6': '.###. #.... #.... ####. #...# #...# .###.',
  '7': '##### ....# ...#. ..#.. ..#.. .#... .#...',
  '8': '.###. #...# #...# .###. #...# #...# .###.',
  '9': '.###. #...# #...# .#### ....# ....# .###.',
};

export const TEXT_ROWS = GLYPH_ROWS;

/** Width of a line of text in dots. */
export function textColumns(text: string): number {
  return text.length * (GLYPH_COLUMNS + LETTER_GAP);
}

/** Calls `dot` for every dark dot of a line of text; characters without a glyph are spaces. */
export function forEachTextDot(text: string, dot: (column: number, row: number) => void): void {
  Array.from(text).forEach((character, position) => {
    const rows = GLYPHS[character]?.split(' ') ?? [];
    rows.forEach((dots, row) => {
      for (let column = 0; column < GLYPH_COLUMNS; column += 1) {
        if (dots[column] === '#') dot(position * (GLYPH_COLUMNS + LETTER_GAP) + column, row);
      }
    });
  });
}
