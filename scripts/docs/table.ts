/** A Markdown table; bars inside cells are escaped. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** What a generated page begins with. */
export function formatHead(title: string, source: string): readonly string[] {
  return [`# ${title}`, '', `Generated from ${source} by \`npm run docs\`; do not edit.`, ''];
}
