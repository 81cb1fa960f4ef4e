// The C library of the system, under one name: files that call it import `CLibrary`, whichever it is.
#if canImport(Glibc)
    @_exported import Glibc
#elseif canImport(Musl)
    @_exported import Musl
#elseif canImport(Android)
    @_exported import Android
#elseif canImport(Bionic)
    @_exported import Bionic
#elseif canImport(Darwin)
    @_exported import Darwin
#else
    #error("no C library that is known: Glibc, Musl, Bionic, Darwin")
#endif
