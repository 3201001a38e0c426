import { systemClock } from '@sallyport/mail';
import { formatPemCertificate } from '@sallyport/pki';
import {
  foldAddress,
  StoreBusy,
  type UserCertificate,
  UserCertificates,
  UserCertificateWriter,
} from '@sallyport/published';
import type { GatewayLayout } from '../gateway/layout.ts';
import { openGateway } from './gateway-access.ts';
import { note, print, printJson, printText } from './output.ts';
import { Complaint } from './run.ts';

export interface DirectoryOptions {
  readonly config: string;
  readonly json?: boolean;
}

/** Opens the users' certificates for a change. @throws Complaint if somebody else changes them. */
export async function openWriter(layout: GatewayLayout): Promise<UserCertificateWriter> {
  try {
    const writer = await UserCertificateWriter.open(layout.publishedUsers);
    if (writer.damaged > 0) {
      note(`${writer.damaged} lines of the store are damaged; import their certificates again.`);
    }
    return writer;
  } catch (error) {
    if (!(error instanceof StoreBusy)) throw error;
    throw new Complaint(`Another import is running: ${error.message}.`);
  }
}

async function openReader(layout: GatewayLayout): Promise<UserCertificates> {
  const users = new UserCertificates(layout.publishedUsers);
  await users.refresh();
  return users;
}

function addressOf(text: string): string {
  const address = foldAddress(text);
  if (address === null) throw new Complaint(`${text} is no mail address.`);
  return address;
}

function describe({ mail, use, notBefore, notAfter, keys, der }: UserCertificate): object {
  return {
    mail,
    use,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    name: keys.name,
    certificate: der.toString('base64'),
  };
}

/** Prints whose certificates are held, one line a certificate. */
export async function runDirectoryList(options: DirectoryOptions): Promise<number> {
  const users = await openReader((await openGateway(options.config)).layout);
  for await (const one of users.all()) {
    if (options.json === true) printJson(describe(one));
    else print(`${one.mail.join(', ')}  ${one.use}  until ${one.notAfter.toISOString()}`);
  }
  await users.close();
  return 0;
}

/** Prints the certificates of an address as PEM. */
export async function runDirectoryShow(
  address: string,
  options: DirectoryOptions,
): Promise<number> {
  const users = await openReader((await openGateway(options.config)).layout);
  const held = await users.ofAddress(addressOf(address));
  await users.close();
  if (held.length === 0) throw new Complaint(`No certificate is held for ${address}.`);
  for (const one of held) {
    if (options.json === true) printJson(describe(one));
    else {
      print(`${one.use}, ${one.notBefore.toISOString()} to ${one.notAfter.toISOString()}`);
      printText(formatPemCertificate(one.der));
    }
  }
  return 0;
}

/** Publishes nothing more for an address; an import may bring it back. */
export async function runDirectoryRemove(
  address: string,
  options: DirectoryOptions,
): Promise<number> {
  await using writer = await openWriter((await openGateway(options.config)).layout);
  const isRemoved = await writer.remove(addressOf(address), systemClock.now());
  await writer.flush();
  if (!isRemoved) throw new Complaint(`No certificate is held for ${address}.`);
  print(`Nothing is published for ${address} any more.`);
  return 0;
}

/** Writes the store anew without what was replaced or removed. */
export async function runDirectoryCompact(options: DirectoryOptions): Promise<number> {
  await using writer = await openWriter((await openGateway(options.config)).layout);
  const { before, after } = await writer.compact();
  print(`${after} certificates are kept; ${before - after} replaced or removed records are gone.`);
  return 0;
}
