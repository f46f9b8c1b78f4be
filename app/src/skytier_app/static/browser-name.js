// What a person calls a browser: the first of these that a User-Agent names.
const BROWSERS = [
  [/Edg(?:e|A|iOS)?\/(\d+)/, "Edge"],
  [/OPR\/(\d+)/, "Opera"],
  [/(?:Firefox|FxiOS)\/(\d+)/, "Firefox"],
  [/(?:Chrome|CriOS|Chromium)\/(\d+)/, "Chrome"],
  [/Version\/(\d+).*Safari/, "Safari"],
];
const SYSTEMS = [
  [/iPhone|iPad/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** "Firefox 140, Linux"; what a program calls itself as it is; null for null. */
export function browserName(userAgent) {
  if (!userAgent) return null;
  for (const [pattern, name] of BROWSERS) {
    const version = userAgent.match(pattern)?.[1];
    if (!version) continue;
    const system = SYSTEMS.find(([known]) => known.test(userAgent))?.[1];
    return [`${name} ${version}`, system].filter(Boolean).join(", ");
  }
  return userAgent.slice(0, 60);
}
