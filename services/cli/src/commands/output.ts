/** Text out of messages and remote replies must not steer the terminal (control and bidi characters). */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '?');
}

/** One line of text for people. */
export function print(line: string): void {
  process.stdout.write(`${plain(line)}\n`);
}

/** Text of our own that has lines: PEM, zone lines, YAML. */
export function printText(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** One JSON value on one line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A remark beside the result, on standard error. */
export function note(sentence: string): void {
  process.stderr.write(`${plain(sentence)}\n`);
}

/** Rows with their columns under each other; the last one as long as it is. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, plain(cell).length);
    }
  }
  for (const row of rows) {
    const cells = row.map((cell, index) =>
      index === row.length - 1 ? plain(cell) : plain(cell).padEnd(widths[index] ?? 0),
    );
    print(cells.join('  ').trimEnd());
  }
}
