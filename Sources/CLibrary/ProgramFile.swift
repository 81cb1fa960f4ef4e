#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Android)
    import Android
#elseif canImport(Bionic)
    import Bionic
#elseif canImport(Darwin)
    import Darwin
#endif

/// The file of the program that runs.
public enum ProgramFile {
    #if canImport(Darwin)
        /// A path by which it can be read.
        public static var path: String { resolvedPath ?? CommandLine.arguments[0] }

        /// Where it lies, links resolved; nil where the system does not say.
        public static var resolvedPath: String? {
            var size = UInt32(0)
            _NSGetExecutablePath(nil, &size)
            var buffer = [CChar](repeating: 0, count: Int(size) + 1)
            guard _NSGetExecutablePath(&buffer, &size) == 0, let resolved = realpath(&buffer, nil) else { return nil }
            defer { free(resolved) }
            return String(cString: resolved)
        }
    #else
        /// A path by which it can be read, also when another file has taken its name.
        public static var path: String { "/proc/self/exe" }

        /// Where it lies, links resolved; nil where the system does not say.
        public static var resolvedPath: String? {
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = readlink(path, &buffer, buffer.count - 1)
            guard length > 0 else { return nil }
            return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    #endif
}
