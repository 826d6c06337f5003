import { texts } from '../texts/index.ts';
import { ApiKeys } from './api-keys.tsx';
import { AuditLog } from './audit-log.tsx';
import { DeleteAccount } from './delete-account.tsx';
import { ExportData } from './export-data.tsx';
import { Sessions } from './sessions.tsx';
import './account.css';

/** Who gets in, what was done, and the way out. */
export default function AccountPage() {
  return (
    <div className="page stack">
      <header>
        <h1>{texts.account.title}</h1>
      </header>
      <Sessions />
      <ApiKeys />
      <ExportData />
      <AuditLog />
      <DeleteAccount />
    </div>
  );
}
