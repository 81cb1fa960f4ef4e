import CCapletPlugin

/// The plugin and all that it points at, made once and given back when Caplet asks.
private final class Plugin {
    let plugin = UnsafeMutablePointer<caplet_plugin>.allocate(capacity: 1)
    private let pass = SpectralPass.declaration()
    private let passes = UnsafeMutablePointer<UnsafePointer<caplet_pass>?>.allocate(capacity: 1)

    init() {
        passes.initialize(to: UnsafePointer(pass))
        var contents = caplet_plugin()
        contents.struct_size = UInt32(MemoryLayout<caplet_plugin>.size)
        contents.abi_version = CAPLET_PLUGIN_ABI_VERSION
        contents.context = Unmanaged.passRetained(self).toOpaque()
        contents.name = SpectralPass.constant("spectral-split")
        contents.version = SpectralPass.constant("1.0")
        contents.passes = UnsafePointer(passes)
        contents.pass_count = 1
        contents.destroy = { plugin in
            guard let context = plugin?.pointee.context else { return }
            Unmanaged<Plugin>.fromOpaque(context).release()
        }
        plugin.initialize(to: contents)
    }

    deinit {
        passes.deallocate()
        plugin.deallocate()
    }
}

/// The one function that Caplet looks for, declared in caplet_plugin.h.
@c @implementation
public func caplet_plugin_open(_ host: UnsafePointer<caplet_host>!) -> UnsafePointer<caplet_plugin>! {
    UnsafePointer(Plugin().plugin)
}
