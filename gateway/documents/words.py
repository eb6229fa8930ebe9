"""What a page for a customer says, in four languages. The Italian of Switzerland and of Italy is one here."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.prepayment.export import Locale

LANGUAGE = {
    Locale.IT_CH: "it",
    Locale.IT_IT: "it",
    Locale.DE_CH: "de",
    Locale.FR_CH: "fr",
    Locale.EN_GB: "en",
}

_ORDER = ("it", "de", "fr", "en")
_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "title": ("Estratto conto", "Kontoauszug", "Relevé de compte", "Statement of account"),
    "account": ("Conto", "Konto", "Compte", "Account"),
    "point": ("Punto di fornitura", "Lieferstelle", "Point de livraison", "Delivery point"),
    "meter": ("Contatore", "Zähler", "Compteur", "Meter"),
    "period": ("Periodo", "Zeitraum", "Période", "Period"),
    "opening": ("Lettura iniziale", "Anfangsstand", "Relevé initial", "Opening reading"),
    "closing": ("Lettura finale", "Endstand", "Relevé final", "Closing reading"),
    "used": ("Consumo", "Verbrauch", "Consommation", "Consumption"),
    "balance_before": ("Saldo iniziale", "Anfangssaldo", "Solde initial", "Opening balance"),
    "balance_after": ("Saldo finale", "Endsaldo", "Solde final", "Closing balance"),
    "consumption": (
        "Consumi e importi",
        "Verbrauch und Beträge",
        "Consommation, montants",
        "Consumption and amounts",
    ),
    "component": ("Voce", "Posten", "Poste", "Item"),
    "quantity": ("Quantità", "Menge", "Quantité", "Quantity"),
    "amount": ("Importo", "Betrag", "Montant", "Amount"),
    "days": ("giorni", "Tage", "jours", "days"),
    "estimated": ("di cui stimati", "davon geschätzt", "dont estimés", "of which estimated"),
    "topups": ("Ricariche", "Aufladungen", "Recharges", "Top-ups"),
    "date": ("Data", "Datum", "Date", "Date"),
    "number": ("N.", "Nr.", "N°", "No."),
    "movements": ("Movimenti", "Buchungen", "Mouvements", "Entries"),
    "kind": ("Tipo", "Art", "Type", "Kind"),
    "balance": ("Saldo", "Saldo", "Solde", "Balance"),
    "sum": ("Somma", "Summe", "Somme", "Sum"),
    "rounding": ("Arrotondamento", "Rundung", "Arrondi", "Rounding"),
    "total": ("Totale", "Total", "Total", "Total"),
    "none": ("nessuna", "keine", "aucune", "none"),
    "energy": ("Energia", "Energie", "Énergie", "Energy"),
    "surcharge": ("Supplemento", "Zuschlag", "Supplément", "Surcharge"),
    "standing": ("Quota fissa", "Grundpreis", "Redevance fixe", "Standing charge"),
    "vat": ("IVA", "MWST", "TVA", "VAT"),
    "kind.opening": ("Apertura", "Eröffnung", "Ouverture", "Opening"),
    "kind.top_up": ("Ricarica", "Aufladung", "Recharge", "Top-up"),
    "kind.top_up_reversal": ("Storno di ricarica", "Storno", "Annulation", "Reversal"),
    "kind.charge": ("Consumo", "Verbrauch", "Consommation", "Consumption"),
    "kind.resync": ("Riallineamento", "Abgleich", "Réalignement", "Resynchronisation"),
    "kind.fee": ("Spese", "Gebühr", "Frais", "Fee"),
    "kind.interest": ("Interessi", "Zinsen", "Intérêts", "Interest"),
    "kind.compensation": ("Compensazione", "Verrechnung", "Compensation", "Compensation"),
    "kind.indemnity": ("Indennizzo", "Entschädigung", "Indemnité", "Indemnity"),
    "kind.reconstruction": ("Ricostruzione", "Rekonstruktion", "Reconstitution", "Reconstruction"),
    "kind.estimate": ("Acconto stimato", "Schätzung", "Estimation", "Estimate"),
    "kind.conguaglio": ("Conguaglio", "Ausgleich", "Régularisation", "Settlement"),
    "kind.setoff": ("Compensazione", "Verrechnung", "Compensation", "Set-off"),
    "kind.adjustment": ("Rettifica", "Berichtigung", "Rectification", "Adjustment"),
    "kind.refund": ("Rimborso", "Rückerstattung", "Remboursement", "Refund"),
    "kind.bonus": ("Bonus sociale", "Sozialbonus", "Bonus social", "Social bonus"),
    "signed": (
        "Documento firmato dal dispositivo; la firma è nel file .jws accanto.",
        "Vom Gerät signiert; die Signatur steht in der .jws-Datei daneben.",
        "Document signé par l'appareil; la signature est dans le fichier .jws joint.",
        "Signed by the device; the signature is in the .jws file beside it.",
    ),
}


def word(key: str, locale: Locale) -> str:
    """The word, or the key's last part for a kind that has none yet."""
    found = _WORDS.get(key)
    return key.rpartition(".")[2] if found is None else found[_ORDER.index(LANGUAGE[locale])]
