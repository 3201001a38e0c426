import type { ReplyFaultId } from '@sallyport/faults';
import { REPLIES, type Reply } from './reply.ts';

/** A login name and a password as the client gave them. */
export interface Credentials {
  readonly login: string;
  readonly password: string;
}

/** What a line of the client led to. */
export type AuthStep =
  | { readonly kind: 'challenge'; readonly reply: Reply }
  | { readonly kind: 'credentials'; readonly credentials: Credentials }
  | { readonly kind: 'refused'; readonly fault: ReplyFaultId };

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const MAX_CREDENTIAL_OCTETS = 255; // RFC 4616 section 2

const utf8 = new TextDecoder('utf-8', { fatal: true });

const REFUSED: AuthStep = { kind: 'refused', fault: 'syntax-error' };

/** One AUTH exchange with PLAIN (RFC 4616) or LOGIN; lines go in, steps come out. */
export class AuthDialogue {
  readonly #mechanism: 'PLAIN' | 'LOGIN';
  #login: string | null = null;

  private constructor(mechanism: 'PLAIN' | 'LOGIN') {
    this.#mechanism = mechanism;
  }

  /** Begins with the argument of AUTH: mechanism, and maybe an initial response. */
  static begin(argument: string): { dialogue: AuthDialogue; step: AuthStep } {
    const [word = '', initial, ...rest] = argument.split(/ +/);
    const mechanism = word.toUpperCase();
    if (mechanism !== 'PLAIN' && mechanism !== 'LOGIN') {
      const step: AuthStep = { kind: 'refused', fault: 'mechanism-unknown' };
      return { dialogue: new AuthDialogue('PLAIN'), step };
    }
    const dialogue = new AuthDialogue(mechanism);
    if (rest.length > 0) return { dialogue, step: REFUSED };
    if (initial !== undefined) {
      // RFC 4954 section 4: "=" is an initial response of no octets.
      return { dialogue, step: dialogue.respond(initial === '=' ? '' : initial) };
    }
    const reply = mechanism === 'PLAIN' ? REPLIES.emptyChallenge : REPLIES.loginChallenge;
    return { dialogue, step: { kind: 'challenge', reply } };
  }

  /** Takes one response line. */
  respond(line: string): AuthStep {
    // RFC 4954 section 4: "*" cancels.
    if (line === '*' || !BASE64.test(line)) return REFUSED;
    const text = decode(line);
    if (text === null) return REFUSED;
    return this.#mechanism === 'PLAIN' ? plain(text) : this.#loginLine(text);
  }

  #loginLine(text: string): AuthStep {
    if (text.includes('\0') || Buffer.byteLength(text) > MAX_CREDENTIAL_OCTETS) return REFUSED;
    if (this.#login === null) {
      this.#login = text;
      return { kind: 'challenge', reply: REPLIES.passwordChallenge };
    }
    return { kind: 'credentials', credentials: { login: this.#login, password: text } };
  }
}

function plain(text: string): AuthStep {
  const parts = text.split('\0');
  const [authorization = '', login = '', password = ''] = parts;
  if (parts.length !== 3 || login === '') return REFUSED;
  if (parts.some((part) => Buffer.byteLength(part) > MAX_CREDENTIAL_OCTETS)) return REFUSED;
  // Nobody may act for another identity here.
  if (authorization !== '' && authorization !== login) {
    return { kind: 'refused', fault: 'authentication-failed' };
  }
  return { kind: 'credentials', credentials: { login, password } };
}

function decode(line: string): string | null {
  try {
    return utf8.decode(Buffer.from(line, 'base64'));
  } catch {
    return null;
  }
}
