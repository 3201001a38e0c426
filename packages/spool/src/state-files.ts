import { parseQueueId, type QueueId } from '@sallyport/mail';
import type { BlobStore } from './blob-store.ts';
import { SpoolCorruptError } from './errors.ts';

const MAX_STATE_BYTES = 8 * 1024 * 1024;
const STATE = /^(.{20})\.state$/;
const HALF_WRITTEN = /\.tmp$/;

/** The small files beside queue files: delivery state per recipient, replaced as a whole. */
export class StateFiles {
  readonly #store: BlobStore;

  constructor(store: BlobStore) {
    this.#store = store;
  }

  async read(folder: string, id: QueueId): Promise<unknown> {
    const blob = await this.#store.get(folder, `${id}.state`);
    if (blob === null) return null;
    try {
      const where = `state of ${id} in ${folder}`;
      if (blob.sizeBytes > MAX_STATE_BYTES) throw new SpoolCorruptError(`${where} is too long`);
      return parseJson((await blob.readAt(0, blob.sizeBytes)).toString('utf8'), where);
    } finally {
      blob.close();
    }
  }

  async write(folder: string, id: QueueId, state: unknown): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(state));
    if (bytes.length > MAX_STATE_BYTES) throw new RangeError(`state of ${id} is too long`);
    await this.#store.putAtomically(folder, `${id}.state`, bytes);
  }

  async move(id: QueueId, from: string, to: string, target: string = id): Promise<void> {
    await this.#store.move({
      name: `${id}.state`,
      from,
      to,
      target: `${target}.state`,
      replace: true,
    });
  }

  async remove(folder: string, id: QueueId): Promise<void> {
    await this.#store.delete(folder, `${id}.state`);
  }

  async collect(folder: string, before: Date): Promise<number> {
    let count = 0;
    for await (const name of this.#store.list(folder)) {
      if (!(await this.#isLeftOver(folder, name))) continue;
      // A commit moves the state a moment before its file: only an old one is left over.
      const changedAt = await this.#store.changedAt(folder, name);
      if (changedAt === null || changedAt >= before) continue;
      if (await this.#store.delete(folder, name)) count += 1;
    }
    return count;
  }

  async #isLeftOver(folder: string, name: string): Promise<boolean> {
    if (HALF_WRITTEN.test(name)) return true;
    const id = parseQueueId(STATE.exec(name)?.[1] ?? '');
    return id !== null && (await this.#store.changedAt(folder, id)) === null;
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SpoolCorruptError(`${where} cannot be read`, { cause });
  }
}
