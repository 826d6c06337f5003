import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { generate, type SelfsignedOptions } from 'selfsigned';

export interface Certificates {
  /** Files: that of the authority, and certificate and key of a server on loopback, readable by their owner alone. */
  authority: string;
  certificate: string;
  key: string;
  /** This process trusts the authority, as one that was started with NODE_EXTRA_CA_CERTS does. Answers how to end that. */
  trust(): () => void;
  close(): Promise<void>;
}

/** An authority of the test's own, and a certificate by it for `localhost` and 127.0.0.1. */
export async function makeCertificates(): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-certificates-'));
  const common = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
  const authority = await generate([{ name: 'commonName', value: 'Sidecar tests' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const options: SelfsignedOptions = {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  };
  const server = await generate([{ name: 'commonName', value: 'localhost' }], options);
  const write = async (name: string, text: string) => {
    await writeFile(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  return {
    authority: await write('authority.pem', authority.cert),
    certificate: await write('server.pem', server.cert),
    key: await write('server.key', server.private),
    trust() {
      const before = getCACertificates('default');
      setDefaultCACertificates([...before, authority.cert]);
      return () => setDefaultCACertificates(before);
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
