import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { elementLength } from '@sallyport/der';
import { equals, message, search } from '../../services/directory/src/testing.ts';

/** The directory ends a session after 1,000 operations. */
const MAX_SEARCHES = 900;
const ENTRY_RESPONSE = 0x64;
const DONE_RESPONSE = 0x65;

/** Looks one address up. @returns whether it was found. */
export type Lookup = (address: string) => Promise<boolean>;

interface At {
  readonly port: number;
  /** A loopback address of the client's own: the directory counts by address. */
  readonly from: string;
  readonly baseDn: string;
}

/** Looks up over kept LDAP connections, one request after another. */
export function ldapLookup({ port, from, baseDn }: At): { lookup: Lookup; close: () => void } {
  let socket: Socket | null = null;
  let searches = 0;
  const lookup = async (address: string): Promise<boolean> => {
    if (socket === null || searches >= MAX_SEARCHES) {
      socket?.destroy();
      socket = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true });
      await once(socket, 'connect');
      searches = 0;
    }
    searches += 1;
    const current = socket;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    let pending: Buffer = Buffer.alloc(0);
    let isFound = false;
    const take = (chunk: Buffer): void => {
      pending = Buffer.concat([pending, chunk]);
      for (let length = whole(pending); length !== null; length = whole(pending)) {
        const operation = pending.subarray(0, length).at(operationAt(pending));
        pending = pending.subarray(length);
        isFound ||= operation === ENTRY_RESPONSE;
        if (operation === DONE_RESPONSE) resolve(isFound);
      }
    };
    const lost = (): void => reject(new Error('the directory ended the session'));
    current.on('data', take).once('close', lost);
    current.write(message(searches, search(equals('mail', address), baseDn)));
    try {
      return await promise;
    } finally {
      current.off('data', take).off('close', lost);
    }
  };
  return { lookup, close: () => socket?.destroy() };
}

function whole(bytes: Buffer): number | null {
  const length = bytes.length < 2 ? null : elementLength(bytes);
  return length !== null && bytes.length >= length ? length : null;
}

/** Behind the header of the message and the message ID. */
function operationAt(bytes: Buffer): number {
  const first = bytes[1] ?? 0;
  const header = first < 0x80 ? 2 : 2 + (first & 0x7f);
  return header + 2 + (bytes[header + 1] ?? 0);
}

/** Looks up over one kept HTTP connection. */
export function httpLookup({ port, from }: Omit<At, 'baseDn'>): {
  lookup: Lookup;
  close: () => void;
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: from });
  const lookup: Lookup = (address) => {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const path = `/search.cgi?email=${encodeURIComponent(address)}`;
    get({ host: '127.0.0.1', port, path, agent }, (response) => {
      response.resume().once('end', () => {
        const { statusCode } = response;
        if (statusCode === 200 || statusCode === 404) resolve(statusCode === 200);
        else reject(new Error(`HTTP status ${statusCode}`));
      });
    }).once('error', reject);
    return promise;
  };
  return { lookup, close: () => agent.destroy() };
}
