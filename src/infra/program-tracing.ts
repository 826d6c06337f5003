import type { Config } from '../config.ts';
import type { Program } from './program.ts';

/** Opens tracing for a program when it is configured, and sends what is left when the program ends. */
export async function traceProgram(
  program: Program,
  tracing: Config['tracing'],
  serviceName: 'sidecar-api' | 'sidecar-worker',
): Promise<void> {
  if (!tracing) return;
  // OpenTelemetry takes megabytes: only who has a collector pays for it.
  const { openTracing } = await import('./tracing.ts');
  await program.own(
    async () => openTracing(tracing, serviceName),
    (opened, deadline) => opened.close(deadline),
  );
}
