import type { TestEvent } from 'node:test/reporters';

/** Reporter whose only line is the one that tools read: `N passed, N failed, N skipped`. */
// biome-ignore lint/style/noDefaultExport: the test runner asks for one
export default async function* summary(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const { tests, passed, skipped, todo } = event.data.counts;
    const failed = tests - passed - skipped - todo;
    yield `\n${passed} passed, ${failed} failed, ${skipped + todo} skipped\n`;
  }
}
