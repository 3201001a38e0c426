import type { ProcessSpec } from '../gateway/supervisor.ts';

/** An inner MTA: what it takes lies in the folder. */
interface Sink {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly folder: string;
}

/** The one process with DNS and inner MTAs. */
export function sandboxSpec(of: {
  readonly dnsPort: number;
  readonly zonesFile: string;
  readonly sinks: readonly Sink[];
}): ProcessSpec {
  const { dnsPort, zonesFile, sinks } = of;
  return {
    name: 'sandbox',
    module: '@sallyport/sandbox',
    options: { dns: { host: '127.0.0.1', port: dnsPort, zonesFile }, sinks },
    readable: [zonesFile],
    writable: sinks.map((sink) => sink.folder),
  };
}
