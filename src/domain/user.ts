import { NIL, v7 as uuidv7 } from 'uuid';
import type { Prisma, User } from '../generated/prisma/client.ts';
import type { Services } from './services.ts';
import { nowhere, requireScope, type Viewer } from './viewer.ts';

export type UserSelection = Pick<Prisma.UserFindFirstArgs, 'include' | 'select'>;

/** The viewer's own row; null when nobody is signed in. */
export async function getViewerUser(
  services: Services,
  viewer: Viewer | null,
  selection: UserSelection = {},
): Promise<User | null> {
  if (!viewer) return null;
  requireScope(viewer, 'read');
  return services.prisma.user.findFirst({ ...selection, where: { id: viewer.userId } });
}

/** The key of the viewer's own row; names no row when the id is somebody else's. */
export function userKey(viewer: Viewer | null, id: string): Prisma.UserWhereUniqueInput {
  requireScope(viewer, 'read');
  return { id: id === viewer.userId ? id : NIL };
}

/** The user who holds the server's API key, made at the first start. Safe when several processes start at once. */
export async function ensureOwner(services: Services): Promise<Viewer> {
  await services.database.query(
    `INSERT INTO users (id, is_owner, display_name) VALUES ($1, true, 'Owner')
     ON CONFLICT (is_owner) WHERE is_owner DO NOTHING`,
    [uuidv7()],
  );
  const owner = await services.prisma.user.findFirstOrThrow({ where: { isOwner: true } });
  return { userId: owner.id, scopes: new Set(['read', 'write', 'admin']), credential: null, origin: nowhere };
}
