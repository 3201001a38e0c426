import type { GatewayConfig } from '@sallyport/config';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';

export function keyholderSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  const { recorder, keyholderOutward, keyholderInward, keyholderOperator, keyholderConsole } =
    layout.sockets;
  const { seal } = layout;
  const { token } = config.keys;
  const secret = seal.kind === 'credential' ? seal.credentialFile : seal.passphraseFile;
  return {
    name: 'keyholder',
    module: '@sallyport/keyholder',
    options: {
      keyFolder: layout.keys,
      seal,
      ...(token === undefined ? {} : { token: tokenOptions(token) }),
      recorderSocket: recorder,
      outwardSocket: keyholderOutward,
      inwardSocket: keyholderInward,
      operatorSocket: keyholderOperator,
      consoleSocket: keyholderConsole,
    },
    readable: [
      layout.keys,
      secret,
      recorder,
      ...(token === undefined ? [] : [token.moduleFile, token.pinFile]),
    ],
    writable: [keyholderOutward, keyholderInward, keyholderOperator, keyholderConsole],
    ...(token === undefined ? {} : { addon: { environment: tokenEnvironment(token) } }),
  };
}

type TokenConfig = NonNullable<GatewayConfig['keys']['token']>;

function tokenOptions({ moduleFile, pinFile, sessions, timeout }: TokenConfig) {
  return { moduleFile, pinFile, sessions, timeoutMs: timeout };
}

/** Threads of libuv that stay free for files and for keys that are in files. */
const FREE_THREADS = 4;

// A use of the token occupies one of libuv's threads: a token that stands still must not take all.
function tokenEnvironment({ sessions, environment }: TokenConfig): Record<string, string> {
  return { ...environment, UV_THREADPOOL_SIZE: String(sessions + FREE_THREADS) };
}
