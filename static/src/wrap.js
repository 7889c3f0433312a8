/**
 * Puts `decide` before calls, constructors, getters and setters of a window. It returns what to do instead, or
 * nothing; it may change the arguments. Proxies keep name, length, prototype, statics and [native code].
 *
 * Interfaces are named, elements' by what only their own has, since a browser builds each with the first look at
 * it. Without `names` they are the window's own members, since it has a thousand.
 *
 * @param {any} view
 * @returns {On}
 */
export const wrapper = (view) => (interfaces, names, decide) => {
  for (const each of interfaces.split(" ")) {
    try {
      const owner = names ? (view[`HTML${each}Element`] ?? view[each]).prototype : view;
      for (const name of names ? Object.getOwnPropertyNames(owner).filter((name) => names.test(name)) : [each]) {
        const property = /** @type {any} */ (Object.getOwnPropertyDescriptor(owner, name));
        /** @param {any} self @param {any} args @param {() => any} call */
        const act = (self, args, call) => {
          try {
            call = decide(self, args, call, name) || call;
          } catch {}
          return call();
        };
        for (const kind in property) {
          const native = property[kind];
          if (native?.call) {
            property[kind] = new Proxy(native, {
              apply: (_, self, args) => act(self, args, () => Reflect.apply(native, self, args)),
              construct: (_, args, target) => act(0, args, () => Reflect.construct(native, args, target)),
            });
          }
        }
        Object.defineProperty(owner, name, property);
      }
    } catch {}
  }
};
