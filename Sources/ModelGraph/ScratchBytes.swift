import Execution

/// Bytes that wait on scratch.
public final class ScratchBytes: ByteSource {
    private let region: ScratchRegion

    /// A copy of `bytes`, whose pages are let go of at once: they are the system's to keep or to take back.
    ///
    /// - Throws: `ScratchError`.
    public init(copying bytes: UnsafeRawBufferPointer, _ space: ScratchSpace) throws {
        region = try space.allocate(bytes.count)
        if let source = bytes.baseAddress { region.base.copyMemory(from: source, byteCount: bytes.count) }
        region.letGo()
    }

    public var byteCount: Int { region.byteCount }
    public var isAddressable: Bool { true }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try withExtendedLifetime(region) { try body(UnsafeRawBufferPointer(start: region.base, count: region.byteCount)) }
    }
}
