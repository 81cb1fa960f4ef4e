#if canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Musl)
    @preconcurrency import Musl
#elseif canImport(Android)
    @preconcurrency import Android
#elseif canImport(Bionic)
    @preconcurrency import Bionic
#elseif canImport(Darwin)
    @preconcurrency import Darwin
#endif

/// Streams of the C library, which are variables there that nobody assigns to.
public enum StandardStream {
    #if canImport(Musl)
        public typealias Stream = OpaquePointer
    #else
        public typealias Stream = UnsafeMutablePointer<FILE>
    #endif

    public static var output: Stream { stdout }
    public static var error: Stream { stderr }
}
