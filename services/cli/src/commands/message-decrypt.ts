import { deliveredMessage, MESSAGE_LIMITS, openLayers } from '@sallyport/domsec';
import { readCertificates, readKeyPairs } from '../message/key-file.ts';
import { messageSource } from '../message/source.ts';
import { offlineKeyring } from '../message/unwrapper.ts';
import { writeOut } from './message-seal.ts';
import { note } from './output.ts';
import { openInput } from './read-input.ts';
import { Complaint } from './run.ts';

/** No host of this name exists (RFC 6761 section 6.4), so no Authentication-Results field is taken away. */
const NO_AUTHSERV = 'sallyport.invalid';

export interface MessageDecryptOptions {
  readonly key: readonly string[];
  readonly certificate?: string;
  readonly legacy?: boolean;
}

/** Takes every encryption that the keys open off the message of standard input; signatures stay. */
export async function runMessageDecrypt(options: MessageDecryptOptions): Promise<number> {
  const others =
    options.certificate === undefined ? [] : await readCertificates(options.certificate);
  const pairs = (await Promise.all(options.key.map((spec) => readKeyPairs(spec, others)))).flat();
  if (pairs.every((pair) => pair.certificate === null)) {
    throw new Complaint(
      'No certificate fits the key; put it into the key file or name it with --certificate.',
    );
  }
  const source = await messageSource(await openInput('-'));
  const read = await openLayers(source.content, {
    ...offlineKeyring(pairs),
    mayOpen: async () => true,
    knownCertificates: others,
    legacy: options.legacy === true,
    limits: MESSAGE_LIMITS,
  });
  if (read.kind === 'malformed')
    throw new Complaint(`Standard input is no message: ${read.reason}.`);
  const encrypted = read.message.layers.filter((layer) => layer.kind === 'encrypted');
  if (encrypted.length === 0) throw new Complaint('The message is not encrypted.');
  const shut = encrypted.find((layer) => layer.state !== 'opened');
  if (shut?.state === 'foreign')
    throw new Complaint('The message is not encrypted for any of the keys given.');
  if (shut !== undefined)
    throw new Complaint('The message does not open with the key given: it was changed or damaged.');
  const old = encrypted.flatMap((layer) => layer.legacy);
  if (old.length > 0) note(`The encryption is of old times and weak: ${old.join(', ')}.`);
  if (encrypted.some((layer) => !layer.authenticated)) {
    note(
      'The encryption does not prove that nobody changed the content; see what message inspect says of its signature.',
    );
  }
  return await writeOut(
    deliveredMessage(read.message, { deliver: 'signed', authservId: NO_AUTHSERV, added: [] }),
  );
}
