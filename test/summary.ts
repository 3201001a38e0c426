import type { TestEvent } from 'node:test/reporters';

/** Reporter whose only line is the one that tools read: `N passed, N failed, N skipped`. */
// biome-ignore lint/style/noDefaultExport: the test runner asks for one
export default async function* summary(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const { passed, failed, cancelled, skipped, todo } = event.data.counts;
    yield `\n${passed} passed, ${failed + cancelled} failed, ${skipped + todo} skipped\n`;
  }
}
