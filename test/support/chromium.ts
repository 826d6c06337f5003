import { access, constants } from 'node:fs/promises';
import { type Browser, chromium } from 'playwright-core';

/** The one that CHROMIUM_PATH names, or Debian's; the one without any window takes a third of the processor's time. */
const PATHS = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** A real browser without a window. Throws an Error that says what to install. */
export async function openChromium(): Promise<Browser> {
  for (const executablePath of PATHS) {
    if (!executablePath) continue;
    const usable = await access(executablePath, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!usable) continue;
    return chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  }
  throw new Error(
    'The tests need Chromium: install it ("apt-get install chromium-headless-shell"), or set CHROMIUM_PATH',
  );
}
