/** The sixteen permissions of a login answer (SessionPermissions.java); version 24 lacks the last two. */
const PERMISSIONS = [
  'canUploadProfiles',
  'canDownloadProfiles',
  'canEmailForSupport',
  'canChatForSupport',
  'canViewAllJobs',
  'canCreateUser',
  'canCreateRole',
  'canCreateSource',
  'canUploadFile',
  'canManageNodeActivity',
  'canManageEngines',
  'canManageQueues',
  'canManageEngineRouting',
  'canManageSupportSettings',
  'canConfigureSecurity',
  'canRunDiagnostic',
] as const;

/** Not part of the Community edition. */
const DENIED: ReadonlySet<string> = new Set([
  'canChatForSupport',
  'canCreateRole',
  'canManageEngines',
  'canManageEngineRouting',
]);

export function permissionsOf(version: string): Record<string, boolean> {
  const major = Number.parseInt(version, 10);
  const names = major <= 24 ? PERMISSIONS.slice(0, 14) : PERMISSIONS;
  return Object.fromEntries(names.map((name) => [name, !DENIED.has(name)]));
}
