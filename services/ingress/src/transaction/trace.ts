import type { ClientFacts } from '@sallyport/ipc';
import type { QueueId } from '@sallyport/mail';

/** RFC 5321 section 6.3: at most so many Received fields, else the message goes round in a loop. */
export const MAX_RECEIVED_FIELDS = 50;

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 5322 section 3.3 date-time, in UTC. */
function formatDateTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${day} ${date.getUTCFullYear()} ${time} +0000`;
}

export interface TraceFacts {
  readonly client: ClientFacts;
  readonly isExtended: boolean;
  readonly smtpUtf8: boolean;
  /** Our own name. */
  readonly by: string;
  readonly id: QueueId;
  readonly date: Date;
}

/** The `with` word of RFC 3848 and RFC 6531 section 4.3. */
function protocolWord(facts: TraceFacts): string {
  if (!facts.isExtended) return 'SMTP';
  const secured = facts.client.tls === null ? '' : 'S';
  const authenticated = facts.client.login === null ? '' : 'A';
  return `${facts.smtpUtf8 ? 'UTF8SMTP' : 'ESMTP'}${secured}${authenticated}`;
}

/**
 * The trace field that stands before the message (RFC 5321 section 4.4). The login name stays
 * out of it, and so do the recipients: a `for` clause would tell of a Bcc.
 */
export function receivedField(facts: TraceFacts): Buffer {
  const { client } = facts;
  const address = client.address.includes(':') ? `IPv6:${client.address}` : client.address;
  // Whose TLS that is, and who says which client it was.
  const front =
    client.front === undefined ? '' : `\r\n\t(handed over by [${client.front.address}])`;
  const tls = client.tls === null ? '' : `\r\n\t(${client.tls.version} ${client.tls.cipher})`;
  return Buffer.from(
    `Received: from ${client.helo} ([${address}])${front}${tls}\r\n` +
      `\tby ${facts.by} with ${protocolWord(facts)} id ${facts.id};\r\n` +
      `\t${formatDateTime(facts.date)}\r\n`,
    'latin1',
  );
}

const FIELD_NAME = Buffer.from('received:');
const LF = 0x0a;
const CR = 0x0d;

/** Counts the Received fields of a header section that comes in pieces. */
export class HopCounter {
  #count = 0;
  /** Octets of `received:` that this line began with; -1 once it cannot any more. */
  #matched = 0;
  #lineOctets = 0;
  #isInHeader = true;

  get count(): number {
    return this.#count;
  }

  /** Takes canonical bytes; after the empty line there is nothing more to count. */
  push(piece: Buffer): void {
    for (let at = 0; this.#isInHeader && at < piece.length; at += 1) {
      const byte = piece[at] ?? 0;
      if (byte === LF) this.#endLine();
      else if (byte !== CR) {
        this.#lineOctets += 1;
        this.#match(byte);
        if (this.#matched < 0) at = beforeLineEnd(piece, at);
      }
    }
  }

  #match(byte: number): void {
    if (this.#matched < 0) return;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    if (lower !== FIELD_NAME[this.#matched]) {
      this.#matched = -1;
      return;
    }
    this.#matched += 1;
    if (this.#matched === FIELD_NAME.length) {
      this.#count += 1;
      this.#matched = -1;
    }
  }

  #endLine(): void {
    if (this.#lineOctets === 0) this.#isInHeader = false;
    this.#lineOctets = 0;
    this.#matched = 0;
  }
}

/** The last octet before the next LF, or the last of the piece. */
function beforeLineEnd(piece: Buffer, from: number): number {
  const lf = piece.indexOf(LF, from);
  return lf < 0 ? piece.length - 1 : lf - 1;
}
