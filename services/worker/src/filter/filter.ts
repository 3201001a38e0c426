import type { OpenedMessage } from '@sallyport/domsec';
import type { Content } from '@sallyport/mail';
import type { Entity } from '@sallyport/mime';
import { type FilterFacts, type FilterRule, matchesGlob } from '@sallyport/policy';
import { type Attachment, AttachmentsUnreadable, listAttachments } from './attachments.ts';

/** Looks for harmful content. A scanner that cannot be asked gives no verdict (`unavailable`). */
export interface Scanner {
  scan(
    content: Content,
  ): Promise<
    | { readonly kind: 'clean' }
    | { readonly kind: 'found'; readonly name: string }
    | { readonly kind: 'unavailable'; readonly reason: string }
  >;
}

/**
 * The first content filter, over the innermost content that could be opened: size, attachment
 * names and types, virus scan.
 */
export async function filterContent(
  message: OpenedMessage,
  rule: FilterRule,
  scanner: Scanner | null,
): Promise<FilterFacts> {
  const { content } = message.content;
  if (rule.maxSizeBytes !== undefined && content.sizeBytes > rule.maxSizeBytes) {
    const reason = `the message has ${content.sizeBytes} bytes and the filter allows ${rule.maxSizeBytes}`;
    return { kind: 'refuse', reason };
  }
  const listed = await checkAttachments(message, rule);
  if (listed !== null && listed.kind === 'refuse') return listed;
  const scanned = await scan(content, rule, scanner);
  if (scanned.kind !== 'clean') return scanned;
  return listed ?? scanned;
}

async function checkAttachments(
  message: OpenedMessage,
  rule: FilterRule,
): Promise<FilterFacts | null> {
  let attachments: readonly Attachment[];
  try {
    attachments = (await Promise.all(readable(message).map(listAttachments))).flat();
  } catch (error) {
    if (!(error instanceof AttachmentsUnreadable)) throw error;
    return { kind: 'hold', reason: error.message };
  }
  const match = (names: readonly string[], types: readonly string[]): Attachment | undefined =>
    attachments.find(
      ({ name, type }) =>
        names.some((pattern) => matchesGlob(fileName(name), pattern)) ||
        types.some((pattern) => matchesGlob(type, pattern)),
    );
  const refused = match(rule.refuseNames, rule.refuseTypes);
  if (refused !== undefined) return { kind: 'refuse', reason: describe(refused, 'forbidden') };
  const held = match(rule.holdNames, rule.holdTypes);
  return held === undefined ? null : { kind: 'hold', reason: describe(held, 'held for review') };
}

/** What is handed on as the message, if a message/rfc822 wrapping is taken off, is looked at too. */
function readable({ content, protectedHeader: { form, carrier } }: OpenedMessage): Entity[] {
  return form === 'rfc822' && carrier !== null ? [content, carrier] : [content];
}

/** As Windows would keep it: without the dots and blanks at its end. */
function fileName(name: string): string {
  let end = name.length;
  while (end > 0 && '. '.includes(name.charAt(end - 1))) end -= 1;
  return name.slice(0, end);
}

function describe(attachment: Attachment, why: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is removed
  const name = attachment.name.replace(/[\u0000-\u001f\u007f]/g, '?').slice(0, 80);
  return `attachment "${name}" of type ${attachment.type.slice(0, 80)} is ${why}`;
}

async function scan(
  content: Content,
  rule: FilterRule,
  scanner: Scanner | null,
): Promise<FilterFacts> {
  if (scanner === null) return { kind: 'clean', scanned: false };
  const result = await scanner.scan(content);
  switch (result.kind) {
    case 'clean':
      return { kind: 'clean', scanned: true };
    case 'found':
      return { kind: rule.virus, reason: `the scanner found ${result.name.slice(0, 80)}` };
    default: {
      const reason = `the scanner cannot be asked: ${result.reason}`;
      return { kind: 'unavailable', whenDown: rule.scannerDown, reason };
    }
  }
}
