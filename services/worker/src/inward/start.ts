import { inwardProtocol, serveSocket } from '@sallyport/ipc';
import { CapabilityLearner } from '../capabilities/learner.ts';
import type { InwardOptions } from '../options.ts';
import { Keyring } from '../shared/keyholder-client.ts';
import { createRecorder } from '../shared/recorder-client.ts';
import type { Runtime, Started } from '../shared/runtime.ts';
import { openSpool } from '../shared/spool-client.ts';
import { createInwardPorts, openSentIndex } from './ports.ts';
import { inwardHandlers } from './serve-inward.ts';

/** Role inward: answers ingress at MAIL, RCPT and inside DATA. */
export async function startInward(options: InwardOptions, runtime: Runtime): Promise<Started> {
  const { clock, logger } = runtime;
  const spool = await openSpool(options.spool, logger);
  const recorder = createRecorder(options.recorderSocket);
  const folder = options.capabilitiesFolder;
  const learner = new CapabilityLearner({ folder, clock, recorder, logger });
  const ports = await createInwardPorts(options, runtime, {
    spool,
    sent: await openSentIndex(options, runtime),
    recorder,
    learn: (heard) => learner.learn(heard),
    keyring: new Keyring({ path: options.keyholderSocket, role: 'inward', clock }),
  });
  const server = await serveSocket({
    path: options.listen,
    protocol: inwardProtocol,
    handlers: inwardHandlers(ports),
    logger,
  });
  return {
    close: async () => {
      await server.close();
      await learner.close();
      await spool.close();
    },
  };
}
