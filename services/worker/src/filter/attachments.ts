import { Readable } from 'node:stream';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import { contentType, type Entity, type EntityTree, fieldValues, readTree } from '@sallyport/mime';
import type { AttachmentStream, MessageText } from 'mailparser';
import { shortened } from './shortened.ts';

/** An attachment as a person would see it. */
export interface Attachment {
  readonly name: string;
  readonly type: string;
}

/** The parser gave up: what cannot be listed is not let through unseen. */
export class AttachmentsUnreadable extends Error {
  override readonly name = 'AttachmentsUnreadable';
}

const MAX_ATTACHMENTS = 1_000;
const TIME_LIMIT_MS = 20_000;

/**
 * The names and types of all attachments. mailparser reads them (RFC 2047 and 2231 names decoded);
 * its output is for people and rules, never for bytes.
 *
 * @throws AttachmentsUnreadable if the parser refuses the message or takes too long.
 */
export async function listAttachments(entity: Entity): Promise<readonly Attachment[]> {
  const type = contentType(entity);
  const disposed = fieldValues(entity, 'content-disposition').length > 0;
  const named = type.parameters.has('name');
  // One text without a name or disposition has no attachments; most mail ends here.
  await refuseAmbiguous(entity);
  if (type.type === 'text' && !disposed && !named) return [];
  const found: Attachment[] = [{ name: rootName(entity), type: `${type.type}/${type.subtype}` }];
  const { MailParser } = await import('mailparser');
  const parser = new MailParser({
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
  });
  const source = Readable.from(shortened(entity.content));
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown): void => {
      source.destroy();
      parser.destroy();
      reject(new AttachmentsUnreadable('its attachments cannot be listed', { cause }));
    };
    const timer = setTimeout(() => fail(new Error('time limit')), TIME_LIMIT_MS);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
    };
    parser.on('data', (data: AttachmentStream | MessageText) => {
      if (data.type !== 'attachment') return;
      found.push({ name: data.filename ?? '', type: data.contentType });
      if (data.content instanceof Readable) data.content.resume();
      data.content.once('end', () => data.release());
      if (found.length > MAX_ATTACHMENTS) finish(() => fail(new Error('too many attachments')));
    });
    parser.once('end', () => finish(resolve));
    parser.once('error', (error) => finish(() => fail(error)));
    source.once('error', (error) => finish(() => fail(error)));
    source.pipe(parser);
  });
  return found;
}

const SINGLE = ['content-type', 'content-disposition', 'content-transfer-encoding'] as const;

// Two of these fields on one part: the recipient's program may go by the one that we do not.
async function refuseAmbiguous(entity: Entity): Promise<void> {
  const tree = await readTree(entity, MESSAGE_LIMITS.mime);
  const waiting: EntityTree[] = tree.kind === 'tree' ? [tree.value] : [{ entity, parts: [] }];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    const part = node.entity;
    if (SINGLE.some((name) => fieldValues(part, name).length > 1)) {
      throw new AttachmentsUnreadable('a part says twice what it is');
    }
    waiting.push(...node.parts);
  }
}

function rootName(entity: Entity): string {
  const disposition = fieldValues(entity, 'content-disposition')[0] ?? '';
  const named = /filename\s*=\s*("([^"]*)"|[^;\s]+)/i.exec(disposition);
  return named?.[2] ?? named?.[1] ?? contentType(entity).parameters.get('name') ?? '';
}
