import ModelGraph

/// What a storage's elements are.
enum StorageType: Equatable {
    case typed(DType)
    /// Bytes, of which each tensor says what they are.
    case untyped
}

/// The globals that a checkpoint names, each standing for a fixed thing; nothing is ever imported or called.
enum PickleGlobal: Equatable {
    case orderedDictionary, defaultDictionary, rebuildFromType, rebuildTensor, rebuildTensorOfDType, rebuildParameter,
        rebuildParameterWithState, size, device
    case storage(StorageType)
    case dtype(DType)
    /// A dtype that torch has and a graph does not, by its name.
    case foreignDType(String)
    /// Any other name: what it makes says nothing about tensors, and stays opaque.
    case foreign(String)

    init(_ name: String) { self = PickleGlobal.known[name] ?? .foreign(name) }

    private static let storageNames: [(String, DType)] = [
        ("Double", .f64), ("Float", .f32), ("Half", .f16), ("BFloat16", .bf16), ("Long", .i64), ("Int", .i32), ("Short", .i16),
        ("Char", .i8), ("Byte", .u8), ("Bool", .bool),
    ]
    private static let dtypeNames: [(String, DType)] = [
        ("float64", .f64), ("float32", .f32), ("float16", .f16), ("bfloat16", .bf16), ("float8_e4m3fn", .f8E4M3), ("float8_e5m2", .f8E5M2),
        ("int64", .i64), ("int32", .i32), ("int16", .i16), ("int8", .i8), ("uint64", .u64), ("uint32", .u32), ("uint16", .u16),
        ("uint8", .u8), ("bool", .bool),
    ]
    private static let foreignDTypes = [
        "complex32", "complex64", "complex128", "qint8", "quint8", "qint32", "quint4x2", "quint2x4", "float8_e4m3fnuz", "float8_e5m2fnuz",
        "float8_e8m0fnu", "float4_e2m1fn_x2",
    ]

    private static let known: [String: PickleGlobal] = {
        var table: [String: PickleGlobal] = [
            "collections.OrderedDict": .orderedDictionary, "collections.defaultdict": .defaultDictionary,
            "torch._tensor._rebuild_from_type_v2": .rebuildFromType, "torch._utils._rebuild_tensor_v2": .rebuildTensor,
            "torch._utils._rebuild_tensor_v3": .rebuildTensorOfDType, "torch._utils._rebuild_parameter": .rebuildParameter,
            "torch._utils._rebuild_parameter_with_state": .rebuildParameterWithState, "torch.Size": .size, "torch.device": .device,
            "torch.storage.UntypedStorage": .storage(.untyped), "torch.UntypedStorage": .storage(.untyped),
        ]
        for (name, dtype) in storageNames { table["torch.\(name)Storage"] = .storage(.typed(dtype)) }
        for (name, dtype) in dtypeNames { table["torch.\(name)"] = .dtype(dtype) }
        for name in foreignDTypes { table["torch.\(name)"] = .foreignDType(name) }
        return table
    }()
}
