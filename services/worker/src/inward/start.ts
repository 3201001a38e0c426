import { inwardProtocol, serveSocket } from '@sallyport/ipc';
import { CapabilityLearner } from '../capabilities/learner.ts';
import { Harvester } from '../harvested/harvester.ts';
import type { InwardOptions } from '../options.ts';
import { KeyChangeLog } from '../shared/key-change-log.ts';
import { Keyring } from '../shared/keyholder-client.ts';
import { createLookupPorts } from '../shared/lookup-ports.ts';
import { policyTrouble } from '../shared/policy-trouble.ts';
import { createRecorder } from '../shared/recorder-client.ts';
import type { Runtime, Started } from '../shared/runtime.ts';
import { openSpool } from '../shared/spool-client.ts';
import { ReceivedReports } from '../tls-reports/received-folder.ts';
import { createInwardPorts, openSentIndex } from './ports.ts';
import { inwardHandlers } from './serve-inward.ts';

/** Role inward: answers ingress at MAIL, RCPT and inside DATA. */
export async function startInward(options: InwardOptions, runtime: Runtime): Promise<Started> {
  const { clock, logger } = runtime;
  const spool = await openSpool(options.spool, logger);
  const recorder = createRecorder(options.recorderSocket);
  const folder = options.capabilitiesFolder;
  const learner = new CapabilityLearner({ folder, clock, recorder, logger });
  const harvester = new Harvester({ ...runtime, folder: options.harvestedFolder, recorder });
  const ports = await createInwardPorts(options, runtime, {
    spool,
    sent: await openSentIndex(options, runtime),
    recorder,
    lookup: await createLookupPorts(options, clock, runtime.metrics),
    keyChangeLog: new KeyChangeLog(recorder),
    tlsReports: new ReceivedReports(options.tlsReportsFolder),
    learn: ({ heard, harvested }) => {
      learner.learn(heard);
      harvester.harvest(harvested);
    },
    keyring: new Keyring({ path: options.keyholderSocket, role: 'inward', clock }),
  });
  const server = await serveSocket({
    path: options.listen,
    protocol: inwardProtocol,
    handlers: inwardHandlers(ports),
    logger,
  });
  return {
    health: {
      check: async () =>
        (await policyTrouble(ports.policy)) ?? { ok: true, sentence: 'judges mail' },
    },
    close: async () => {
      await server.close();
      await learner.close();
      await harvester.close();
      await spool.close();
    },
  };
}
