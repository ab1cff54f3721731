// What the examples print: readable on a terminal, or one JSON document.

/** What a step says of itself: values for machines, words for people. */
export interface Outcome {
  data?: Record<string, unknown>;
  text?: string[];
}

interface Step extends Record<string, unknown> {
  id: string;
  milliseconds: number;
}

const INDENT = '    ';
const BAR = 16;

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Breaks at spaces; a word that is longer than a line stays whole, for it may be copied. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}

export class Report {
  readonly steps: Step[] = [];
  readonly #titles: string[] = [];
  readonly #json: boolean;
  readonly #signal: AbortSignal;
  readonly #live = process.stdout.isTTY === true;
  readonly #width = Math.min(process.stdout.columns ?? 80, 100) - 1;
  readonly #signs = /utf-?8/i.test(
    process.env['LC_ALL'] || process.env['LC_CTYPE'] || process.env['LANG'] || '',
  )
    ? { full: '█', empty: '░', line: '─', dot: ' · ' }
    : { full: '#', empty: '.', line: '-', dot: ', ' };
  #lastLine = performance.now();

  /** `signal` ends it between two steps. */
  constructor(json: boolean, signal: AbortSignal) {
    this.#json = json;
    this.#signal = signal;
  }

  /** Runs one step, times it, and prints what it says of itself. */
  async step<T>(
    id: string,
    title: string,
    body: () => Promise<T>,
    describe: (result: T) => Outcome = () => ({}),
  ): Promise<T> {
    this.#signal.throwIfAborted();
    const started = performance.now();
    this.#titles.push(title);
    this.#print(`${String(this.#titles.length).padStart(2)}. ${title}`);
    let result: T;
    try {
      result = await body();
    } finally {
      this.#clear();
    }
    const milliseconds = Math.round(performance.now() - started);
    const { data = {}, text = [] } = describe(result);
    this.steps.push({ id, milliseconds, ...data });
    this.say([seconds(milliseconds), ...text].join(this.#signs.dot));
    return result;
  }

  /** Lines that belong to the step before. */
  say(text: string): void {
    for (const line of text.split('\n'))
      for (const part of wrap(line, this.#width - INDENT.length)) this.#print(part && INDENT + part);
  }

  /** A bar that is drawn over itself on a terminal, and a line every few seconds elsewhere. */
  progress(fraction: number | undefined, text: string): void {
    if (this.#json) return;
    const percent = `${Math.round((fraction ?? 0) * 100)} %`.padStart(5);
    if (this.#live) {
      const filled = Math.round((fraction ?? 0) * BAR);
      const bar = this.#signs.full.repeat(filled) + this.#signs.empty.repeat(BAR - filled);
      process.stdout.write(`\r${`${INDENT}[${bar}] ${percent}  ${text}`.slice(0, this.#width)}\x1b[K`);
    } else if (performance.now() - this.#lastLine > 5_000) {
      this.#lastLine = performance.now();
      this.#print(`${INDENT}${percent}  ${text}`);
    }
  }

  table(rows: Record<string, string | number>[]): void {
    const columns = Object.keys(rows[0] ?? {});
    const widths = columns.map((column) =>
      Math.max(column.length, ...rows.map((row) => String(row[column]).length)),
    );
    const line = (cells: (string | number | undefined)[]) =>
      `  ${cells.map((cell, i) => (typeof cell === 'number' ? String(cell).padStart(widths[i] ?? 0) : (cell ?? '').padEnd(widths[i] ?? 0))).join('  ')}`.trimEnd();
    this.#print(`\n${line(columns)}\n${line(widths.map((width) => this.#signs.line.repeat(width)))}`);
    for (const row of rows) this.#print(line(columns.map((column) => row[column])));
  }

  /** The steps once more, side by side. */
  times(): void {
    this.table(
      this.steps.map(({ milliseconds }, i) => ({
        seconds: (milliseconds / 1000).toFixed(1).padStart('seconds'.length),
        step: `${String(i + 1).padStart(2)}. ${this.#titles[i] ?? ''}`,
      })),
    );
  }

  /** The JSON document. */
  end(summary: Record<string, unknown>): void {
    if (this.#json) process.stdout.write(`${JSON.stringify({ ...summary, steps: this.steps }, null, 2)}\n`);
  }

  #print(text: string): void {
    if (!this.#json) process.stdout.write(`${text}\n`);
  }

  #clear(): void {
    if (this.#live && !this.#json) process.stdout.write('\r\x1b[K');
  }
}
