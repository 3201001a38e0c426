/**
 * monitor: tells how the gateway is: health, metrics and alerts of all its processes.
 *
 * Reads     own options file, policy versions, the published CRL, token and anchors of its webhook.
 * Writes    which alerts it sent, in a small file.
 * Trusts    the processes of this gateway to say how they are; nobody who asks by HTTP.
 * Exposure  HTTP in clear on inner addresses, read only, without a body; health sockets; posts to
 *           its webhook and to one mail server. Holds no key and reads no mail.
 * Standards RFC 9110, RFC 5321 section 3.3, RFC 3834 section 5.
 *
 * Limits    whoever reaches its port reads its figures: bind it to inner addresses. Of restarts it
 *           knows those that it saw.
 */
import { runProcess } from '@sallyport/ipc';
import { monitorOptionsSchema } from './options.ts';
import { startMonitor } from './start.ts';

await runProcess({
  service: 'monitor',
  options: monitorOptionsSchema,
  start: async (options, world) => {
    const monitor = await startMonitor({ options, ...world });
    world.logger.info('monitor.listening', { ports: monitor.ports });
    return () => monitor.close();
  },
});
