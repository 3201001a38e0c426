/**
 * shipper: copies the newest signed head of the audit log to places that the gateway cannot change.
 *
 * Reads     own options file, the audit folder, anchors and tokens of its targets.
 * Writes    a small folder of its own, and the target files.
 * Trusts    the log key in the audit folder to say what is a head; no target but by its certificate.
 * Exposure  none: it listens nowhere. Connects to its targets only.
 * Standards RFC 5424, RFC 5425.
 *
 * Limits    what happens between two copies is proven by the next one only.
 */
import { type Health, runProcess, serveHealth } from '@sallyport/ipc';
import { Metrics } from '@sallyport/log';
import { NewestHead } from './newest-head.ts';
import { shipperOptionsSchema } from './options.ts';
import { Position } from './position.ts';
import { Shipment } from './shipment.ts';
import { createTarget } from './target.ts';

await runProcess({
  service: 'shipper',
  options: shipperOptionsSchema,
  start: async (options, { clock, logger }) => {
    const { gatewayName, everyMs } = options;
    const heads = new NewestHead(options.auditFolder);
    const shipments = options.targets.map((one) => {
      const target = createTarget(one, gatewayName);
      const position = new Position(options.stateFolder, target.name, JSON.stringify(one));
      return new Shipment({ gatewayName, heads, target, position, everyMs, clock, logger });
    });
    const health = await serveHealth({
      path: options.healthSocket,
      logger,
      metrics: new Metrics('shipper'),
      check: () => healthOf(shipments),
    });
    const ending = new AbortController();
    const runs = shipments.map((one) => one.run(ending.signal));
    return () => {
      ending.abort();
      // A copy on its way ends within its deadline, or comes again after the next start.
      return Promise.allSettled([...runs, health.close()]);
    };
  },
});

function healthOf(shipments: readonly Shipment[]): Health {
  const away = shipments.filter(({ failures }) => failures > 0).map(({ place }) => place);
  if (away.length === 0) return { ok: true, sentence: 'every place has the newest head' };
  const sentence = `no copy of the newest head of the audit log gets to ${away.join(', ')}, so a cut of its end would not be found: see the log of the shipper`;
  return { ok: false, sentence };
}
