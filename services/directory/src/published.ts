import type { Logger } from '@sallyport/log';
import { type Clock, isReservedLocalPart, parseMailbox } from '@sallyport/mail';
import { type SearchAttribute, type UserCertificate, UserCertificates } from '@sallyport/published';
import { type AuthorityEntries, type Entry, foldName, keyName, parseEntries } from './entries.ts';
import type { DirectoryOptions } from './options.ts';
import { WatchedFile } from './watched-file.ts';

const CHECK_EVERY_MS = 500;
const MAX_ENTRIES_BYTES = 256 * 1024 * 1024;
/** Certificates that one answer may hold. */
const MAX_MATCHES = 16;

export type KeyAnswer =
  | { readonly kind: 'certificates'; readonly certificates: readonly Buffer[] }
  | { readonly kind: 'too-many' };

const CONFIDENTIALITY = 'domain-confidentiality-authority';

/** Everything that the directory answers with: domain authorities, users, and who stands in for them. */
export class Published {
  readonly #entries: WatchedFile<AuthorityEntries>;
  readonly #users: UserCertificates | null;
  readonly #substitutes: ReadonlySet<string>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #authorities: AuthorityEntries = { byName: new Map(), byKey: new Map() };
  #usersCheckedAt = Number.NEGATIVE_INFINITY;

  constructor(
    options: Pick<DirectoryOptions, 'entriesFile' | 'usersFolder' | 'substitute'>,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  ) {
    const path = options.entriesFile;
    const parse = parseEntries;
    this.#entries = new WatchedFile({ path, maxBytes: MAX_ENTRIES_BYTES, parse, clock, logger });
    this.#users =
      options.usersFolder === undefined ? null : new UserCertificates(options.usersFolder);
    this.#substitutes = new Set(options.substitute);
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Reads everything for the first time. @throws if the entries cannot be read or are malformed. */
  async load(): Promise<void> {
    const authorities = await this.#entries.load();
    if (authorities === null) throw new Error('the file of published entries is not there');
    this.#authorities = authorities;
    await this.#refreshUsers();
    this.#logger.info('entries.read', {
      names: authorities.byName.size,
      userRecords: this.#users?.records ?? 0,
      userIndexBytes: this.#users?.indexBytes ?? 0,
    });
  }

  /** The entries that answer to exactly this address or domain, folded or not. */
  async find(text: string): Promise<readonly Entry[]> {
    const name = foldName(text);
    if (name === null) return [];
    await this.#refresh();
    const own = this.#authorities.byName.get(name);
    if (own !== undefined) return own;
    if (!name.includes('@')) return [];
    const held = (await this.#users?.ofAddress(name))?.filter((one) => this.#isInForce(one)) ?? [];
    const [first] = held;
    if (first === undefined) return this.#substitute(name);
    const cn = first.keys.name[0] ?? name;
    return [{ cn, mail: [name], userCertificate: derOf(held), userSMIMECertificate: [] }];
  }

  /** Certificates with a search key of RFC 4387 section 2.2; users' are not found by their issuer. */
  async findKey(attribute: SearchAttribute, value: string): Promise<KeyAnswer> {
    await this.#refresh();
    const own = this.#authorities.byKey.get(keyName(attribute, value)) ?? [];
    // All users' certificates may have one issuer: an answer would list who has one.
    const users = attribute === 'iHash' ? undefined : await this.#users?.ofKey(attribute, value);
    if (users?.kind === 'too-many') return users;
    const held = users?.certificates.filter((one) => this.#isInForce(one)) ?? [];
    const certificates = [...own, ...derOf(held)];
    return certificates.length > MAX_MATCHES
      ? { kind: 'too-many' }
      : { kind: 'certificates', certificates };
  }

  /**
   * DS-E4: the domain's confidentiality certificate in the recipient's own entry. Every address of
   * the domain gets it, so nobody learns from it which addresses there are.
   */
  #substitute(address: string): readonly Entry[] {
    const mailbox = parseMailbox(address);
    if (mailbox === null || !this.#substitutes.has(mailbox.domain)) return [];
    if (isReservedLocalPart(mailbox.localPart)) return [];
    const authority = this.#authorities.byName.get(`${CONFIDENTIALITY}@${mailbox.domain}`) ?? [];
    return authority.map((entry) => ({ ...entry, mail: [address] }));
  }

  #isInForce({ notBefore, notAfter }: UserCertificate): boolean {
    const now = this.#clock.now();
    return notBefore <= now && now <= notAfter;
  }

  async #refresh(): Promise<void> {
    // What is no longer there leaves what was published before: a gateway always has authorities.
    this.#authorities = (await this.#entries.current()) ?? this.#authorities;
    const now = this.#clock.now().getTime();
    if (now - this.#usersCheckedAt < CHECK_EVERY_MS) return;
    this.#usersCheckedAt = now;
    // Nobody waits for a long index to be made; until then the former one answers.
    void this.#refreshUsers();
  }

  async #refreshUsers(): Promise<void> {
    if (this.#users === null) return;
    const before = this.#users.damaged;
    try {
      await this.#users.refresh();
    } catch (cause) {
      this.#logger.error('users.unreadable', { cause });
    }
    const { damaged } = this.#users;
    if (damaged > before) this.#logger.error('users.damaged', { lines: damaged });
  }
}

function derOf(certificates: readonly UserCertificate[]): Buffer[] {
  return certificates.map(({ der }) => der);
}
