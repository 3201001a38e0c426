import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { parseTokenUri, readPrivateFile, type TokenUri } from '@sallyport/ipc';
import type * as Pkcs11 from 'pkcs11js';
import { TokenFault } from './token-fault.ts';
import type { ThreadOptions } from './token-order.ts';

const MAX_PIN_FILE_BYTES = 4 * 1024;
/** After a failure the module is left alone for so long: mail that waits must not hammer it. */
const REST_MS = 500;

type Handle = Pkcs11.Handle;
export type Constants = typeof Pkcs11;

/** A key on the token, and a session to use it in. */
export interface OpenKey {
  readonly module: Pkcs11.PKCS11;
  readonly constants: Constants;
  readonly session: Handle;
  readonly slot: Handle;
  readonly uri: TokenUri;
  /** @throws TokenFault `no-key` if there is none, or more than one. */
  find(objectClass: 'private' | 'public'): Handle;
}

/** The PINs that were refused: never tried again, since a token locks after a few. */
class RefusedPins {
  readonly #hashes = new Set<string>();

  has(pin: string): boolean {
    return this.#hashes.has(hashOf(pin));
  }
  add(pin: string): void {
    this.#hashes.add(hashOf(pin));
  }
  clear(): void {
    this.#hashes.clear();
  }
}

/**
 * A PKCS#11 module and its sessions. Whatever fails, the module is closed, opened anew and asked once
 * more: a token that was pulled out and put back has other handles (PKCS#11 v2.40 section 5.6).
 */
export class Cryptoki {
  readonly #options: ThreadOptions;
  readonly #constants: Constants;
  readonly #module: Pkcs11.PKCS11;
  readonly refusedPins = new RefusedPins();
  #isOpen = false;
  /** Sessions at rest, by slot. */
  readonly #idle = new Map<string, Handle[]>();
  readonly #found = new Map<string, Handle>();
  #failedAt = Number.NEGATIVE_INFINITY;
  #lastFailure = '';

  /** @throws TokenFault `no-module` if the add-on is not built or the module cannot be loaded. */
  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#constants = loadAddon();
    this.#module = new this.#constants.PKCS11();
    try {
      this.#module.load(options.moduleFile);
    } catch (cause) {
      const text = `the PKCS#11 module ${options.moduleFile} cannot be loaded`;
      throw new TokenFault('no-module', text, { cause });
    }
  }

  /** True within the rest after a failure. @throws TokenFault `away` then. */
  checkRest(now: number): void {
    if (now - this.#failedAt >= REST_MS) return;
    throw new TokenFault('away', this.#lastFailure);
  }

  /** Notes a failure, for the rest after it. */
  failed(now: number, message: string): void {
    this.#failedAt = now;
    this.#lastFailure = message;
  }

  /** Closes all, so that the next use begins anew. Nobody may be using a session. */
  close(): void {
    this.#idle.clear();
    this.#found.clear();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#module.C_Finalize();
    } catch {
      // A module whose token is gone may not even close; C_Initialize says what is the matter.
    }
  }

  /**
   * Uses one key in a session of its own.
   *
   * @throws TokenFault, or the module's own error.
   */
  async withKey<T>(
    text: string,
    use: (key: OpenKey) => Promise<T>,
    { isWriting = false }: { readonly isWriting?: boolean } = {},
  ): Promise<T> {
    const uri = parseTokenUri(text);
    if ('reason' in uri) throw new TokenFault('no-key', `the PKCS#11 URI ${uri.reason}`);
    this.#initialize();
    const slot = this.#slotOf(uri, text);
    const session = await this.#session(slot, isWriting);
    const find = (objectClass: 'private' | 'public') =>
      this.#find({ session, uri, text, objectClass });
    const module = this.#module;
    let result: T;
    try {
      result = await use({ module, constants: this.#constants, session, slot, uri, find });
    } catch (error) {
      this.#closeSession(session); // it may be in the middle of something
      throw error;
    }
    if (isWriting) this.#closeSession(session);
    else this.#idleOf(slot).push(session);
    return result;
  }

  #closeSession(session: Handle): void {
    // With the last session goes the login, and with that the handles of private objects.
    this.#found.clear();
    try {
      this.#module.C_CloseSession(session);
    } catch {
      // It went with its token.
    }
  }

  #initialize(): void {
    if (this.#isOpen) return;
    const flags = this.#constants.CKF_OS_LOCKING_OK;
    try {
      this.#module.C_Initialize({ flags });
    } catch (error) {
      if (codeOf(error) !== 'CKR_CRYPTOKI_ALREADY_INITIALIZED') throw error;
    }
    this.#isOpen = true;
  }

  #slotOf(uri: TokenUri, text: string): Handle {
    for (const slot of this.#module.C_GetSlotList(true)) {
      const token = this.#tokenInfo(slot);
      if (token !== null && isToken(token, uri)) return slot;
    }
    throw new TokenFault('away', `the token of ${text} is not there`);
  }

  // One slot that fails must not hide the others.
  #tokenInfo(slot: Handle): Pkcs11.TokenInfo | null {
    try {
      return this.#module.C_GetTokenInfo(slot);
    } catch {
      return null;
    }
  }

  #idleOf(slot: Handle): Handle[] {
    const name = slot.toString('hex');
    const idle = this.#idle.get(name) ?? [];
    this.#idle.set(name, idle);
    return idle;
  }

  async #session(slot: Handle, isWriting: boolean): Promise<Handle> {
    const idle = isWriting ? undefined : this.#idleOf(slot).pop();
    if (idle !== undefined) return idle;
    const pin = await this.#readPin();
    const { CKF_SERIAL_SESSION, CKF_RW_SESSION } = this.#constants;
    const flags = CKF_SERIAL_SESSION | (isWriting ? CKF_RW_SESSION : 0);
    const session = this.#module.C_OpenSession(slot, flags);
    try {
      this.#login(session, pin);
    } catch (error) {
      this.#closeSession(session);
      throw error;
    }
    return session;
  }

  async #readPin(): Promise<string> {
    const { pinFile } = this.#options;
    try {
      const text = (await readPrivateFile(pinFile, MAX_PIN_FILE_BYTES)).toString('utf8');
      return text.split(/\r?\n/, 1)[0] ?? '';
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : 'cannot be read';
      throw new TokenFault('pin', `the PIN file: ${reason}`, { cause });
    }
  }

  // The state of login is that of all sessions with a token (PKCS#11 v2.40 section 5.6).
  #login(session: Handle, pin: string): void {
    if (this.refusedPins.has(pin)) {
      throw new TokenFault('pin', `the PIN in ${this.#options.pinFile} was refused before`);
    }
    try {
      this.#module.C_Login(session, this.#constants.CKU_USER, pin);
    } catch (cause) {
      const code = codeOf(cause);
      if (code === 'CKR_USER_ALREADY_LOGGED_IN') return;
      if (!code.startsWith('CKR_PIN_')) throw cause;
      this.refusedPins.add(pin);
      throw new TokenFault('pin', `the token refuses the PIN (${code})`, { cause });
    }
  }

  #find(what: {
    readonly session: Handle;
    readonly uri: TokenUri;
    readonly text: string;
    readonly objectClass: 'private' | 'public';
  }): Handle {
    const { session, uri, text, objectClass } = what;
    const name = `${objectClass} ${text}`;
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const { CKA_CLASS, CKA_ID, CKA_LABEL, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY } = this.#constants;
    this.#module.C_FindObjectsInit(session, [
      { type: CKA_CLASS, value: objectClass === 'private' ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY },
      ...(uri.id === undefined ? [] : [{ type: CKA_ID, value: uri.id }]),
      ...(uri.object === undefined ? [] : [{ type: CKA_LABEL, value: uri.object }]),
    ]);
    const [first, second] = this.#module.C_FindObjects(session, 2);
    this.#module.C_FindObjectsFinal(session);
    if (first === undefined) {
      throw new TokenFault('no-key', `the token holds no ${objectClass} key ${text}`);
    }
    if (second !== undefined) {
      throw new TokenFault('no-key', `the token holds more than one ${objectClass} key ${text}`);
    }
    this.#found.set(name, first);
    return first;
  }
}

/** @throws TokenFault `no-module` with the way to build it. */
function loadAddon(): Constants {
  try {
    // CommonJS, and loaded only where a token is configured: it is native code.
    return createRequire(import.meta.url)('pkcs11js') as Constants;
  } catch (cause) {
    const text =
      'the add-on pkcs11js is not there or not built: npm run build:pkcs11 builds it (needs g++)';
    throw new TokenFault('no-module', text, { cause });
  }
}

function isToken(token: Pkcs11.TokenInfo, uri: TokenUri): boolean {
  const pairs = [
    [uri.token, token.label],
    [uri.manufacturer, token.manufacturerID],
    [uri.model, token.model],
    [uri.serial, token.serialNumber],
  ] as const;
  // PKCS#11 pads with blanks.
  return pairs.every(([asked, found]) => asked === undefined || asked === found.trimEnd());
}

/** The name of a module's return value, `CKR_…`; empty for any other error. */
export function codeOf(error: unknown): string {
  return /^CKR_[A-Z0-9_]+/.exec(error instanceof Error ? error.message : '')?.[0] ?? '';
}

function hashOf(pin: string): string {
  return createHash('sha256').update(pin).digest('hex');
}
