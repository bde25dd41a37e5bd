/** Login, logout, token probe, first user and server status: `/apiv2` as the login REST resources have it. */
import { randomUUID } from 'node:crypto';
import { empty, json, rawJson, refuse } from '../http/answer.ts';
import { jsonBody, jsonObject, textField } from '../http/body.ts';
import type { Call, Route } from '../http/route.ts';
import { tokenForLogout } from './authorization.ts';
import { permissionsOf } from './permissions.ts';
import type { TokenStore } from './tokens.ts';
import { type NewUser, problemWithUser, type User, type UserStore } from './users.ts';

export interface SessionParts {
  readonly users: UserStore;
  readonly tokens: TokenStore;
  readonly version: string;
  readonly now: () => number;
  masterDown(): boolean;
  onLogin(success: boolean): void;
  /** Makes the home space of a user created over REST. */
  onFirstUser(user: User): void;
}

/** `POST /apiv2/login` (LogInLogOutResource.java, UserLoginSession.java). */
function login(parts: SessionParts, cluster: { id: string; createdAt: number }) {
  return (call: Call) => {
    const value = jsonBody(call);
    // Dremio trips over a null body; clients have to live with its 500.
    if (value === undefined || value === null) throw refuse(500, 'Something went wrong.');
    const body = jsonObject(call);
    const userName = textField(body, 'userName') ?? '';
    const password = textField(body, 'password') ?? '';
    const user = parts.users.verify(userName, password);
    parts.onLogin(user !== undefined);
    if (!user)
      return json(401, {
        errorMessage: `Login failed: Invalid username or password, user ${userName}`,
        moreInfo: '',
        stackTrace: [],
      });
    const { token, expiresAt } = parts.tokens.issue(user.userName);
    return json(200, {
      token,
      userName: user.userName,
      firstName: user.firstName,
      lastName: user.lastName,
      expires: expiresAt,
      email: user.email,
      userId: user.id,
      admin: true,
      clusterId: cluster.id,
      clusterCreatedAt: cluster.createdAt,
      version: parts.version,
      permissions: permissionsOf(parts.version),
      userCreatedAt: user.createdAt,
    });
  };
}

/** `DELETE /apiv2/login`: with a Bearer header Dremio deletes nothing and still says 204. */
function logout({ tokens }: SessionParts) {
  return ({ authorization }: Call) => {
    if (authorization === undefined) throw refuse(500, 'Something went wrong.');
    tokens.revoke(tokenForLogout(authorization));
    return empty(204);
  };
}

/** `PUT /apiv2/bootstrap/firstuser` (BootstrapResource.java, UserForm.java). */
function firstUser(parts: SessionParts) {
  return async (call: Call) => {
    const body = jsonObject(call);
    if (!parts.users.isEmpty)
      throw refuse(400, 'First user can only be created when no user is already registered');
    const { createdAt } = body;
    const optional = (name: 'firstName' | 'lastName' | 'email') => {
      const text = textField(body, name);
      return text === undefined ? {} : { [name]: text };
    };
    const newUser: NewUser = {
      userName: textField(body, 'userName') ?? '',
      password: textField(body, 'password') ?? '',
      ...optional('firstName'),
      ...optional('lastName'),
      ...optional('email'),
      ...(typeof createdAt === 'number' ? { createdAt } : {}),
    };
    const problem = problemWithUser(newUser);
    if (problem) throw refuse(400, problem);
    const user = parts.users.add(newUser);
    parts.onFirstUser(user);
    const path = `/user/${encodeURIComponent(user.userName)}`;
    return json(200, {
      resourcePath: path,
      userName: user.userName,
      userConfig: {
        uid: user.id,
        userName: user.userName,
        firstName: user.firstName,
        lastName: user.lastName,
        email: user.email,
        createdAt: user.createdAt,
      },
      name: user.userName,
      id: user.userName,
      links: { self: path },
    });
  };
}

export function sessionRoutes(parts: SessionParts): Route[] {
  const cluster = { id: randomUUID(), createdAt: parts.now() };
  return [
    {
      method: 'GET',
      path: '/apiv2/server_status',
      access: 'open',
      handle: () => (parts.masterDown() ? rawJson(503, '"MASTER_DOWN"') : rawJson(200, '"OK"')),
    },
    {
      method: 'PUT',
      path: '/apiv2/bootstrap/firstuser',
      access: 'open',
      handle: firstUser(parts),
    },
    { method: 'POST', path: '/apiv2/login', access: 'user', handle: login(parts, cluster) },
    {
      method: 'GET',
      path: '/apiv2/login',
      access: 'token',
      handle: () => rawJson(200, 'true'),
    },
    { method: 'DELETE', path: '/apiv2/login', access: 'user', handle: logout(parts) },
  ];
}
