"""Which of their columns is which of ours, by what shops and their systems call them. A guess is shown, never taken unseen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from cdp.attributes import Declared
from cdp.ingest.files.kinds import BY_NAME
from cdp.ingest.files.mapping import names_member

# What they write -> ours, everywhere; then what it means in one kind only.
ANYWHERE = {
    "phone": (
        "手机",
        "手机号",
        "手机号码",
        "会员手机",
        "会员手机号",
        "联系电话",
        "电话",
        "mobile",
        "mobilephone",
        "tel",
        "telephone",
    ),
    "email": ("邮箱", "电子邮箱", "邮件", "mail", "emailaddress"),
    "crm_id": (
        "会员号",
        "会员编号",
        "会员id",
        "客户号",
        "客户编号",
        "客户id",
        "用户id",
        "customerid",
        "memberid",
        "userid",
        "memberno",
    ),
    "pos_card": ("卡号", "会员卡号", "会员卡", "cardno", "cardnumber"),
    "wechat_unionid": ("unionid", "微信unionid"),
    "wecom_external_userid": ("外部联系人id", "externaluserid", "企业微信客户id"),
    "sku": ("货号", "商品编码", "商品编号", "商品id", "条码", "条形码", "stockcode", "productid", "itemid", "barcode"),
    "name": ("品名", "商品名称", "商品", "商品名", "产品名称", "description", "productname", "itemname"),
    "category": ("类目", "分类", "品类", "商品分类"),
    "quantity": ("数量", "件数", "购买数量", "qty"),
    "discount": ("优惠", "折扣", "优惠金额", "折扣金额"),
    "channel": ("渠道", "销售渠道", "下单渠道"),
    "store": ("门店", "门店编号", "店铺", "店铺编号", "门店id", "storeid"),
    "currency": ("币种", "货币"),
    "coupon_codes": ("优惠券", "券码", "优惠码", "coupon", "coupons"),
    "points_used": ("使用积分", "消耗积分", "抵扣积分"),
    "exchange_of": ("换货原单号", "原换货单号", "换货单号"),
    "brand": ("品牌",),
    "launched_at": ("上市时间", "上架时间", "上市日期"),
    "replenish_days": ("补货周期", "使用周期", "复购周期"),
    "tags": ("标签", "会员标签", "tag"),
    "registered_at": ("注册时间", "注册日期", "入会时间", "入会日期", "开卡时间", "registrationdate", "createdat"),
    "evidence": ("凭证", "依据", "授权凭证"),
    "purpose": ("用途", "目的", "授权用途"),
    "state": ("状态", "授权状态"),
    "type": ("类型", "事件类型", "行为", "行为类型", "事件", "event", "eventtype"),
}
ORDER_NUMBER = (
    "订单号",
    "订单编号",
    "单号",
    "小票号",
    "交易号",
    "流水号",
    "orderid",
    "orderno",
    "ordernumber",
    "invoice",
    "invoiceno",
)
ORDER_TIME = (
    *(
        "下单时间",
        "订单时间",
        "交易时间",
        "付款时间",
        "支付时间",
        "成交时间",
        "销售时间",
        "购买时间",
        "时间",
        "日期",
        "下单日期",
        "销售日期",
    ),
    *("orderdate", "ordertime", "invoicedate", "date", "time", "paidat", "createdat"),
)
PAID = (
    "金额",
    "实付",
    "实付金额",
    "支付金额",
    "订单金额",
    "实收金额",
    "成交金额",
    "总金额",
    "销售金额",
    "小计",
    "total",
    "sales",
)
TIME = ("时间", "日期", "发生时间", "date", "time", "timestamp")
WITHIN: dict[str, dict[str, tuple[str, ...]]] = {
    "members": {"name": ()},
    "orders": {"id": ORDER_NUMBER, "placed_at": ORDER_TIME, "amount": PAID},
    "order_items": {"order_id": ORDER_NUMBER, "amount": PAID},
    "order_lines": {
        "id": ORDER_NUMBER,
        "placed_at": ORDER_TIME,
        "amount": PAID,
        "unit_price": ("单价", "售价", "price", "unitprice"),
        "order_id": ("原订单号", "退货原单号", "原单号"),
    },
    "products": {"price": ("价格", "售价", "单价", "零售价", "吊牌价", "unitprice"), "name": ("名称",)},
    "refunds": {
        "id": ("退款单号", "退款编号", "售后单号", "退货单号", "refundid", "refundno"),
        "order_id": ORDER_NUMBER,
        "refunded_at": ("退款时间", "退款日期", "退货时间", *TIME),
        "amount": ("退款金额", "退货金额", "refundamount", *PAID),
    },
    "events": {"id": ("事件id", "eventid"), "occurred_at": TIME},
    "consents": {"at": ("授权时间", *TIME)},
}


def guess(kind: str, columns: Sequence[str], declared: Mapping[str, Declared]) -> dict[str, str]:
    """Theirs -> ours, each of ours once; the first of theirs that means it has it. Nothing is said of the others."""
    known = BY_NAME[kind]
    meaning: dict[str, str] = {}
    for ours, said in [*WITHIN[kind].items(), *ANYWHERE.items()]:
        if ours in known.columns or (known.member and names_member(ours)):
            meaning |= {_plain(word): ours for word in (ours, *said) if _plain(word) not in meaning}
    if kind == "members":
        for name, one in declared.items():
            meaning |= {_plain(word): name for word in (name, *one.labels) if _plain(word) not in meaning}
    found: dict[str, str] = {}
    for theirs in columns:
        ours = theirs if theirs in known.columns or names_member(theirs) else meaning.get(_plain(theirs), "")
        if ours and ours not in found.values():
            found[theirs] = ours
    return found


def _plain(header: str) -> str:
    """Without what makes no difference: case, blanks, punctuation, a unit in brackets."""
    text = unicodedata.normalize("NFKC", header).lower()
    return re.sub(r"\(.*?\)|[\s_\-./:*#]", "", text)
