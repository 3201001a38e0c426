import type { Socket } from 'node:net';
import type { ReplyFaultId } from '@sallyport/faults';
import type { Logger } from '@sallyport/log';
import { DataReceiver } from './data-receiver.ts';
import { dueNow, type Mode } from './deadlines.ts';
import { Dialogue, type DialogueOptions } from './dialogue.ts';
import { acceptedReply, closing, faultReply, greeting, type Reply } from './reply.ts';
import type { DataOutcome, DataSink, MaybePromise, TlsFacts } from './types.ts';
import { Wire } from './wire.ts';

export interface SessionOptions extends DialogueOptions {
  readonly socket: Socket;
  readonly logger: Logger;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number;
  /** Starts TLS on the bare socket; the listener calls `tlsStarted` when it stands. */
  readonly startTls: (session: SmtpSession, socket: Socket) => void;
  readonly onClosed: (session: SmtpSession) => void;
}

/** One connection: takes lines and mail data off the wire, keeps deadlines, ends in good order. */
export class SmtpSession {
  readonly #options: SessionOptions;
  readonly #dialogue: Dialogue;
  readonly #wire: Wire;
  readonly #startedAt: number;
  #mode: Mode;
  #modeSince: number;
  #lastByteAt: number;
  #isBusy = false;
  #isDraining = false;
  #errors = 0;
  #receiver: DataReceiver | null = null;
  #greetingTimer: NodeJS.Timeout | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#dialogue = new Dialogue(options);
    this.#startedAt = options.monotonicMs();
    this.#modeSince = this.#startedAt;
    this.#lastByteAt = this.#startedAt;
    this.#mode = 'greeting';
    this.#wire = new Wire(options.socket, {
      onReadable: () => this.#pump(),
      onGone: () => this.#gone(),
    });
  }

  /** Greets, after the listener's wait for early talkers. */
  start(): void {
    if (this.#options.rules.tls === 'implicit') this.#handOver();
    else this.#greetLater();
  }

  /** Ends the session with this fault in place of a greeting. */
  refuse(fault: ReplyFaultId): void {
    this.#sayLast(faultReply(fault));
  }

  /** The handshake is done; the session goes on over this socket. */
  tlsStarted(socket: Socket, tls: TlsFacts): void {
    if (this.#mode !== 'handshake') return;
    this.#wire.replace(socket);
    this.#dialogue.tlsStarted(tls);
    if (this.#options.rules.tls === 'implicit') this.#greetLater();
    else this.#enter('command');
  }

  /** The service is closing: an idle client is told now, a transaction may come to its end. */
  drain(): void {
    this.#isDraining = true;
    if (this.#mode === 'greeting' || this.#isIdle()) this.#sayLast(faultReply('shutting-down'));
    if (this.#mode === 'handshake') this.destroy();
  }

  /** The bound of a shutdown is over. */
  destroy(): void {
    this.#wire.destroy();
  }

  /** Checks the deadlines; the listener calls it often. */
  tick(now: number): void {
    // While we are at work on a command, the client is not late.
    if (this.#isBusy && this.#mode === 'command') return;
    const waits = {
      sinceStart: now - this.#startedAt,
      inMode: now - this.#modeSince,
      sinceLastByte: now - this.#lastByteAt,
    };
    const due = dueNow(this.#mode, waits, this.#options.rules.deadlines);
    if (due === 'nothing') return;
    if (due === 'cut' || this.#wire.isClogged) this.destroy();
    else this.#sayLast(faultReply(due));
  }

  #isIdle(): boolean {
    return this.#mode === 'command' && !this.#isBusy && !this.#dialogue.isInTransaction;
  }

  #enter(mode: Mode): void {
    this.#mode = mode;
    this.#modeSince = this.#options.monotonicMs();
    this.#lastByteAt = this.#modeSince;
  }

  #greetLater(): void {
    this.#enter('greeting');
    const { greetingDelayMs } = this.#options.rules;
    if (greetingDelayMs === 0) this.#greet();
    else this.#greetingTimer = setTimeout(() => this.#greet(), greetingDelayMs);
  }

  #greet(): void {
    if (this.#mode !== 'greeting') return;
    this.#say(greeting(this.#options.rules.name));
    if (this.#isDraining) this.#sayLast(faultReply('shutting-down'));
    else this.#enter('command');
    this.#wire.flush();
  }

  #handOver(): void {
    this.#enter('handshake');
    this.#wire.release((socket) => this.#options.startTls(this, socket));
  }

  /** Works off what is pending, until it has to wait for more or for somebody. */
  #pump(): void {
    if (this.#mode === 'data') this.#lastByteAt = this.#options.monotonicMs();
    if (this.#mode === 'greeting' && this.#wire.pending.length > 0) {
      // RFC 5321 section 4.3.1: a client waits for the greeting; malware does not.
      this.#sayLast(faultReply('early-talker'));
      return;
    }
    try {
      while (!this.#isBusy && !this.#wire.isClogged && this.#takeNext());
    } catch (cause) {
      this.#surprise(cause);
    }
    this.#wire.flush();
  }

  #takeNext(): boolean {
    if (this.#wire.pending.length === 0) return false;
    if (this.#mode === 'command') return this.#takeLine();
    if (this.#mode === 'data') return this.#takeData();
    return false;
  }

  #takeLine(): boolean {
    const taken = this.#wire.takeLine(this.#dialogue.maxLineOctets);
    switch (taken.kind) {
      case 'none':
        return false;
      case 'too-long':
        this.#answered(faultReply('line-too-long'));
        return true;
      case 'bare-line-end':
        this.#sayLast(faultReply('bare-line-end'));
        return false;
      default:
        this.#complete(this.#answer(taken.line));
        return true;
    }
  }

  #answer(line: Buffer): MaybePromise<Reply> {
    try {
      return this.#dialogue.line(line);
    } catch (cause) {
      return this.#internal(cause);
    }
  }

  #complete(answer: MaybePromise<Reply>): void {
    if (!(answer instanceof Promise)) {
      this.#answered(answer);
      return;
    }
    this.#isBusy = true;
    this.#wire.flush();
    answer
      .catch((cause: unknown) => this.#internal(cause))
      .then((reply) => {
        this.#isBusy = false;
        if (this.#mode === 'closed') return;
        this.#answered(reply);
        this.#pump();
      })
      .catch((cause: unknown) => this.#surprise(cause));
  }

  #internal(cause: unknown): Reply {
    this.#options.logger.error('session.command-failed', { cause });
    return faultReply('internal');
  }

  /** A fault of our own outside any answer: the session ends, the service goes on. */
  #surprise(cause: unknown): void {
    this.#sayLast(closing(this.#internal(cause)));
  }

  /** A command has its reply. */
  #answered(reply: Reply): void {
    const effect = this.#dialogue.takeEffect();
    if (this.#mode === 'closing' || this.#mode === 'closed') {
      if (effect?.kind === 'receive-data') effect.sink.abort();
      return;
    }
    this.#say(reply);
    if (reply.closes) this.#end();
    else if (effect?.kind === 'start-tls') this.#handOver();
    else if (effect?.kind === 'receive-data') this.#startData(effect.sink);
    else this.#nextCommand();
  }

  #nextCommand(): void {
    this.#enter('command');
    if (this.#errors > this.#options.rules.maxErrors) this.#sayLast(faultReply('too-many-errors'));
    else if (this.#isDraining && this.#isIdle()) this.#sayLast(faultReply('shutting-down'));
  }

  #startData(sink: DataSink): void {
    this.#receiver = new DataReceiver(sink, this.#options.rules);
    this.#enter('data');
  }

  #takeData(): boolean {
    const receiver = this.#receiver;
    if (receiver === null) return false;
    const pending = this.#wire.pending;
    const received = receiver.push(pending);
    this.#wire.consume(received.endsAt ?? pending.length);
    if (received.fatal !== null) {
      this.#sayLast(closing(faultReply(received.fatal)));
      return false;
    }
    if (received.endsAt !== null) this.#enter('verdict');
    if (received.wait === null) return this.#dataTaken(receiver);
    this.#isBusy = true;
    received.wait
      .then(() => {
        this.#isBusy = false;
        this.#lastByteAt = this.#options.monotonicMs();
        this.#dataTaken(receiver);
        this.#pump();
      })
      .catch((cause: unknown) => this.#surprise(cause));
    return false;
  }

  #dataTaken(receiver: DataReceiver): boolean {
    if (this.#mode !== 'verdict') return true;
    const outcome = receiver.finish();
    if (outcome instanceof Promise) this.#complete(outcome.then((it) => this.#messageReply(it)));
    else this.#complete(this.#messageReply(outcome));
    return true;
  }

  #messageReply(outcome: DataOutcome): Reply {
    this.#receiver = null;
    this.#dialogue.endTransaction();
    return outcome.kind === 'accepted' ? acceptedReply(outcome.queueId) : faultReply(outcome.fault);
  }

  #say(reply: Reply): void {
    if (reply.isError) this.#errors += 1;
    this.#wire.say(reply);
  }

  #sayLast(reply: Reply): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    this.#say(reply);
    this.#end();
  }

  #end(): void {
    this.#enter('closing');
    this.#dropWork();
    this.#wire.end();
  }

  #gone(): void {
    if (this.#mode === 'closed') return;
    this.#mode = 'closed';
    this.#dropWork();
    this.destroy();
    this.#options.onClosed(this);
  }

  #dropWork(): void {
    if (this.#greetingTimer !== null) clearTimeout(this.#greetingTimer);
    this.#receiver?.abort();
    this.#receiver = null;
    this.#dialogue.endTransaction();
  }
}
